/** The sensor process: holds the only copy of its key, reads this machine, signs one window a stream and epoch. Usage: main.js FOLDER */
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { loadSensor } from '#libs/edge';
import { AtsError } from '#libs/errors';
import { sensorPublicKey } from '#libs/proofs';
import { lockFolder } from '../durable/lock.js';
import { openProbes } from './open-probes.js';
import { decodeToSensor, encodeToAgent, MAX_LINE_BYTES } from './protocol.js';
import { Sensor } from './sensor.js';
import { SigningJournal } from './signing-journal.js';

async function main(folder: string | undefined): Promise<void> {
  if (!folder) throw new AtsError('ATS_CONFIG_INVALID', 'no sensor folder was given', { todo: 'Start the sensor as: main.js FOLDER.' });
  const { key, epochSeconds } = loadSensor(folder);
  await lockFolder(folder);
  const currentEpoch = Math.floor(Date.now() / 1000 / epochSeconds);
  const { journal, damage } = await SigningJournal.open({ path: join(folder, 'journal'), key, epochSeconds, currentEpoch });
  if (damage.length > 0) say(`the journal lost ${damage.length} entries; every epoch up to ${currentEpoch} counts as signed`);

  const probes = openProbes({ proc: '/proc', rootFileSystem: '/', monotonicSeconds: () => performance.now() / 1000 }, say);
  const sensor = new Sensor(journal, probes, epochSeconds, { now: Date.now, say, send: (message) => { process.stdout.write(encodeToAgent(message)); } });
  process.stdout.write(encodeToAgent({ type: 'hello', publicKey: sensorPublicKey(key), epochSeconds, streams: [...probes.keys()] }));
  sensor.start();

  const stop = async () => {
    await sensor.stop();
    await journal.close();
    process.exit(0);
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (line.length > MAX_LINE_BYTES) return fail(new Error(`a line of ${line.length} bytes`));
    try {
      sensor.receive(decodeToSensor(line)).catch(fail);
    } catch (error) {
      say(`ignored a line that is no message: ${(error as Error).message}`);
    }
  });
  // the agent has gone: a sensor that nobody listens to would only fill its journal
  lines.on('close', () => { stop().catch(fail); });
  process.stdout.on('error', fail);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => { stop().catch(fail); });
}

function say(text: string): void { process.stderr.write(`${text}\n`); }

function fail(error: unknown): never {
  say(error instanceof AtsError ? error.message : `the sensor stops: ${String(error)}`);
  process.exit(1);
}

await main(process.argv[2]).catch(fail);
