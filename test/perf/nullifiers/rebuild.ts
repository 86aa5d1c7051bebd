import { EventCodec, fieldToBytes, TOPIC_NAMES, type TopicName } from '#libs/events';
import { freePorts, startKafka } from '#libs/stack';
import { connectKafka, ensureTopics, LogReader, type KafkaClient } from '#libs/stream';
import { rebuildState } from '../../../apps/proof-gate/src/partition-memory.js';

export interface Rebuild {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** Of this process, all threads; the broker's is its own. */
  readonly recordsPerCpuSecond: number;
}

const TOPIC = 'telemetry.verified';
const EPOCH_MS = 30_000;
const WINDOW_EPOCHS = 2880;
const SENT_AT_ONCE = 2000;

/** Fills one partition of a broker of its own with verified events of one window, and rebuilds the gate's state from it, as often as asked. */
export async function measureRebuild(dir: string, records: number, times: number): Promise<Rebuild[]> {
  const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, i + 1])) as Record<TopicName, number>);
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const broker = await startKafka({ dir, port, controllerPort });
  const kafka = connectKafka({ brokers: [broker.brokers], clientId: 'perf-nullifiers' });
  const reader = new LogReader(kafka);
  try {
    await ensureTopics(kafka, { [TOPIC]: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } } });
    await send(kafka, codec, records);
    const rebuilds: Rebuild[] = [];
    for (let i = 0; i < times; i++) {
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      const { seen } = await rebuildState('telemetry', 0, { reader, codec, registryUrl: 'http://127.0.0.1:1' });
      const seconds = (performance.now() - began) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      let found = 0;
      for (const _ of seen.entries()) found++;
      if (found !== records) throw new Error(`${found} of ${records} were rebuilt`);
      rebuilds.push({ records, seconds: Math.round(1000 * seconds) / 1000, recordsPerSecond: Math.round(records / seconds), recordsPerCpuSecond: Math.round((1e6 * records) / (user + system)) });
    }
    return rebuilds;
  } finally {
    await reader.close();
    kafka.close();
    await broker.stop();
  }
}

async function send(kafka: KafkaClient, codec: EventCodec, records: number): Promise<void> {
  const producer = kafka.role('writer').producer();
  await producer.connect();
  const newest = Math.floor(Date.now() / EPOCH_MS);
  for (let from = 0; from < records; from += SENT_AT_ONCE) {
    const messages = Array.from({ length: Math.min(SENT_AT_ONCE, records - from) }, (_, i) => (
      { partition: 0, value: verified(codec, from + i, newest - WINDOW_EPOCHS + 1 + Math.floor(((from + i) * WINDOW_EPOCHS) / records), newest - WINDOW_EPOCHS) }
    ));
    await producer.send({ topic: TOPIC, messages });
  }
  await producer.disconnect();
}

const BYTES = Buffer.alloc(32, 1);

function verified(codec: EventCodec, n: number, epoch: number, epochFloor: number): Buffer {
  const timestamp = epoch * EPOCH_MS;
  return codec.encode(TOPIC, {
    source: { topic: 'telemetry', partition: 0, offset: n, timestamp, hash: BYTES },
    pseudonym: fieldToBytes(BigInt(n) + 1n), stream: 'load', epoch, policyFamily: 'home', state: 'OK', nullifier: fieldToBytes(2n ** 200n + BigInt(n) * 2n ** 40n), commitment: BYTES,
    circuit: 'telemetry16', parameterVersion: 1, registryBlock: { number: 7, hash: BYTES }, windowEnd: timestamp + EPOCH_MS, partitionClock: timestamp, epochFloor, late: false,
  });
}
