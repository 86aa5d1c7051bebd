/** The sensor process: holds the only copy of its key, reads this machine, signs one window a stream and epoch. Usage: main.js FOLDER */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { loadSensor } from '#libs/edge';
import { AtsError } from '#libs/errors';
import { sensorPublicKey } from '#libs/proofs';
import { lockFolder } from '../durable/lock.js';
import { linesOf } from '../lines.js';
import { openProbes } from './open-probes.js';
import { decodeToSensor, encodeToAgent, MAX_LINE_BYTES, type ToSensor } from './protocol.js';
import { Sensor } from './sensor.js';
import { SigningJournal } from './signing-journal.js';

async function main(folder: string | undefined): Promise<void> {
  if (!folder) throw new AtsError('ATS_CONFIG_INVALID', 'no sensor folder was given', { todo: 'Start the sensor as: main.js FOLDER.' });
  const { key, epochSeconds } = loadSensor(folder);
  await lockFolder(folder);
  const currentEpoch = Math.floor(Date.now() / 1000 / epochSeconds);
  const journal = await SigningJournal.open({
    path: join(folder, 'journal'), key, epochSeconds, currentEpoch,
    onLoss: (stretches) => say(`the journal lost ${stretches} stretches of bytes; every epoch up to ${currentEpoch} counts as signed`),
  });

  const probes = openProbes({ proc: '/proc', rootFileSystem: '/', monotonicSeconds: () => performance.now() / 1000 }, say);
  const sensor = new Sensor(journal, probes, epochSeconds, { now: Date.now, say, fail, send: (message) => { process.stdout.write(encodeToAgent(message)); } });
  process.stdout.on('error', fail);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.stdin.destroy());
  process.stdout.write(encodeToAgent({ type: 'hello', publicKey: sensorPublicKey(key), epochSeconds, streams: [...probes.keys()] }));
  sensor.start();

  // it ends with the agent: a sensor that nobody listens to would only fill its journal
  await obey(sensor).catch((error: unknown) => { if (!process.stdin.destroyed) throw error; });
  await sensor.stop();
  await journal.close();
}

async function obey(sensor: Sensor): Promise<void> {
  for await (const line of linesOf(process.stdin, MAX_LINE_BYTES)) {
    let message: ToSensor;
    try {
      message = decodeToSensor(line);
    } catch (error) {
      say(`ignored a line that is no message: ${(error as Error).message}`);
      continue;
    }
    await sensor.receive(message);
  }
}

function say(text: string): void { process.stderr.write(`${text}\n`); }

function fail(error: unknown): never {
  say(error instanceof AtsError ? error.message : `the sensor stops: ${String(error)}`);
  process.exit(1);
}

await main(process.argv[2]).then(() => process.exit(0), fail);
