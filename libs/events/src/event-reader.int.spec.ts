import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { CODEC, IDS, parameterSet, telemetry } from '../../../test/support/gate-records.js';
import { decodeBlock, EventReader, fingerprintOf, SCHEMAS } from './index.js';

/** Schemas of a registry by id; it counts what it is asked. */
const held = new Map<number, object>();
let asked: string[] = [];
let server: Server;
let reader: EventReader;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!);
    const schema = held.get(Number(request.url!.split('/').at(-1)));
    response.writeHead(schema ? 200 : 404).end(JSON.stringify(schema ? { schema: JSON.stringify(schema) } : { error_code: 40403 }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  held.clear();
  reader = new EventReader(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

const value = CODEC.encode('telemetry', telemetry());
const withId = (id: number) => { const copy = Buffer.from(value); copy.writeUInt32BE(id, 1); return copy; };
const listing = (id: number, fingerprint: string) => parameterSet({ schemas: [{ topic: 'telemetry', id, fingerprint }] });
/** An earlier telemetry schema, whose fields stand in another order. */
const earlier = (() => {
  const schema = structuredClone(SCHEMAS.telemetry) as unknown as { fields: { name: string }[] };
  const [first, second, ...rest] = schema.fields;
  return { ...schema, fields: [first, ...rest.slice(0, 1), second, ...rest.slice(1)] };
})();

it('our own schema is read under any id that the set gives it, without asking the registry', async () => {
  const set = listing(9999, fingerprintOf(SCHEMAS.telemetry));
  await reader.prepare('telemetry', set);
  expect(reader.decode('telemetry', withId(9999), set)).toEqual(telemetry());
  expect(asked).toEqual([]);
});

it('another schema is fetched once by its id, and used when its fingerprint is the set\'s', async () => {
  held.set(7, earlier);
  const set = listing(7, fingerprintOf(earlier));
  await reader.prepare('telemetry', set);
  await reader.prepare('telemetry', set);
  expect(asked).toEqual(['/schemas/ids/7']);
  expect(() => reader.decode('telemetry', withId(7), set)).toThrow(/^ATS_EVENT_MALFORMED/);
});

it('a registry that has another schema under the id is not believed', async () => {
  held.set(7, SCHEMAS['bci-intent']);
  await expect(reader.prepare('telemetry', listing(7, fingerprintOf(earlier)))).rejects.toThrow(/^ATS_EVENT_SCHEMA_UNKNOWN: .*the parameter set says/);
  await expect(reader.prepare('telemetry', listing(8, fingerprintOf(earlier)))).rejects.toThrow(/^ATS_EVENT_SCHEMA_UNKNOWN/);
});

it('what one set lists does not count under another', async () => {
  const first = listing(1, fingerprintOf(SCHEMAS.telemetry));
  const second = listing(2, fingerprintOf(SCHEMAS.telemetry));
  await reader.prepare('telemetry', first);
  await reader.prepare('telemetry', second);
  expect(() => reader.decode('telemetry', withId(1), second)).toThrow(/^ATS_EVENT_SCHEMA_UNKNOWN/);
});

it('a block is read under whatever id', () => {
  const block = { chainId: 1, number: 2, hash: Buffer.alloc(32), parentHash: Buffer.alloc(32), timestamp: 3, logs: [] };
  const bytes = CODEC.encode('chain-events', block);
  bytes.writeUInt32BE(IDS['chain-events'] + 1000, 1);
  expect(decodeBlock(bytes)).toEqual(block);
  for (const bad of [null, Buffer.alloc(0), Buffer.alloc(4), Buffer.alloc(5, 1), bytes.subarray(0, -1)]) {
    expect(() => decodeBlock(bad)).toThrow(/^ATS_EVENT_MALFORMED/);
  }
});
