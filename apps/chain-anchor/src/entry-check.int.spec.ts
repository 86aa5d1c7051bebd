import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { EventCodec, SCHEMAS, TOPIC_NAMES, type KafkaRecord, type TopicName } from '#libs/events';
import { EntryCheck } from './entry-check.js';

const codecOf = (firstId: number): EventCodec => EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, firstId + i])) as Record<TopicName, number>);
const entry = (codec: EventCodec): Buffer => codec.encode('audit-log', { topic: 'telemetry', partition: 0, offset: 7, timestamp: 1_234, hash: Buffer.alloc(32, 1), verdict: 'VERIFIED', parameterVersion: 1, registryBlock: null });
const record = (value: Buffer | null): KafkaRecord => ({ topic: 'audit-log', partition: 0, offset: 5n, timestamp: 0, key: null, value, headers: [] });

/** A registry that knows one schema under one id. */
async function registryWith(id: number, schema: unknown): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    const known = request.url === `/schemas/ids/${id}`;
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(known ? { schema: JSON.stringify(schema) } : {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

it('an audit entry is a leaf, byte for byte, with the time of its source record', async () => {
  const codec = codecOf(1);
  const value = entry(codec);
  expect(await new EntryCheck(codec, 'http://127.0.0.1:1').leaf(record(value))).toEqual({ offset: 5n, entry: value, producedAt: 1_234 });
});

it.each<[string, (good: Buffer) => Buffer | null]>([
  ['no value', () => null],
  ['no bytes', () => Buffer.alloc(0)],
  ['other bytes', () => Buffer.from('not an entry')],
  ['a cut entry', (good) => good.subarray(0, -1)],
  ['a byte behind the entry', (good) => Buffer.concat([good, Buffer.of(0)])],
  ['more than a leaf takes', (good) => Buffer.concat([good, Buffer.alloc(65_536)])],
])('%s is foreign', async (_, change) => {
  const codec = codecOf(1);
  const check = new EntryCheck(codec, 'http://127.0.0.1:1');
  await expect(check.leaf(record(change(entry(codec))))).rejects.toMatchObject({ code: 'ATS_LOG_RECORD_FOREIGN' });
});

it('an entry of an older writer is read by the schema that the registry has, an id of another topic or of nothing is foreign, a registry that is away is waited for', async () => {
  const old = codecOf(101);
  const value = entry(old);
  const id = old.idOf('audit-log');
  const leafBy = async (registry: { url: string; close(): void }) => {
    try {
      return await new EntryCheck(codecOf(1), registry.url).leaf(record(value));
    } finally {
      registry.close();
    }
  };
  expect(await leafBy(await registryWith(id, SCHEMAS['audit-log']))).toMatchObject({ entry: value, producedAt: 1_234 });
  await expect(leafBy(await registryWith(id, SCHEMAS.rejected))).rejects.toMatchObject({ code: 'ATS_LOG_RECORD_FOREIGN' });
  await expect(leafBy(await registryWith(id + 1, SCHEMAS['audit-log']))).rejects.toMatchObject({ code: 'ATS_LOG_RECORD_FOREIGN' });
  await expect(leafBy({ url: 'http://127.0.0.1:1', close: () => undefined })).rejects.toMatchObject({ code: 'ATS_REGISTRY_UNREACHABLE' });
});
