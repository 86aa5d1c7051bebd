import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAtsError, type AtsError } from '#libs/errors';
import { freePorts, startRegistry, type RegistryPart } from '#libs/stack';
import { EventCodec, fingerprintOf, schemaFingerprint } from './codec.js';
import { SCHEMAS } from './generated.js';
import { fetchSchema, registerSchema, registerSchemas, subjectOf } from './registry.js';
import { SAMPLES } from './samples.fixture.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

const failure = async (action: Promise<unknown>): Promise<AtsError> => {
  const error = await action.then(() => new Error('it succeeded'), (reason: unknown) => reason);
  if (isAtsError(error)) return error;
  throw error;
};

describe('with Apicurio', () => {
  const dir = mkdtempSync(join(tmpdir(), 'registry-'));
  let registry: RegistryPart;
  let port: number;
  let managementPort: number;
  let ids: Record<TopicName, number>;

  beforeAll(async () => {
    [port, managementPort] = await freePorts(2) as [number, number];
    registry = await startRegistry({ dir, port, managementPort });
    ids = await registerSchemas(registry.url);
  }, 120_000);

  afterAll(async () => {
    await registry?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('gives each schema an id of its own, and the same again', async () => {
    expect(new Set(Object.values(ids)).size).toBe(TOPIC_NAMES.length);
    expect(await registerSchemas(registry.url)).toEqual(ids);
    for (const topic of TOPIC_NAMES) {
      expect(await (await fetch(`${registry.url}/subjects/${subjectOf(topic)}/versions`)).json()).toEqual([1]);
    }
  });

  it('demands BACKWARD on every subject', async () => {
    for (const topic of TOPIC_NAMES) {
      expect(await (await fetch(`${registry.url}/config/${subjectOf(topic)}`)).json()).toEqual({ compatibilityLevel: 'BACKWARD' });
    }
  });

  it('holds the schemas as they are in the repository, documentation and privacy included', async () => {
    for (const topic of TOPIC_NAMES) expect(await fetchSchema(registry.url, ids[topic])).toEqual(SCHEMAS[topic]);
  });

  it.each([
    ['a new field without a default', { ...SCHEMAS.rejected, fields: [...SCHEMAS.rejected.fields, { name: 'new', type: 'string', doc: '', privacy: 'public' }] }],
    ['a field of another type', { ...SCHEMAS.rejected, fields: SCHEMAS.rejected.fields.map((field) => (field.name === 'detail' ? { ...field, type: 'long' } : field)) }],
    ['an enum without one of its symbols', JSON.parse(JSON.stringify(SCHEMAS.rejected).replace('"PROOF_INVALID"', '"PROOF_WRONG"')) as unknown],
  ])('refuses an incompatible change: %s', async (_, schema) => {
    const error = await failure(registerSchema(registry.url, 'rejected', schema));
    expect(error.code).toBe('ATS_SCHEMA_INCOMPATIBLE');
    expect(error.message).toContain('rejected-value');
    expect(await registerSchemas(registry.url)).toEqual(ids);
  });

  it('takes a new field with a default, and records of both schemas are read', async () => {
    const extended = { ...SCHEMAS['audit-log'], fields: [...SCHEMAS['audit-log'].fields, { name: 'note', type: 'string', default: '', doc: 'For this test.', privacy: 'public' }] };
    const id = await registerSchema(registry.url, 'audit-log', extended);
    expect(id).not.toBe(ids['audit-log']);
    const codec = EventCodec.fromIds(ids);
    codec.addWriter('audit-log', id, await fetchSchema(registry.url, id));
    const today = codec.encode('audit-log', SAMPLES['audit-log']);
    const extendedValue = Buffer.concat([today, Buffer.from([4, 0x68, 0x69])]);
    extendedValue.writeUInt32BE(id, 1);
    expect(codec.decode('audit-log', extendedValue)).toEqual(SAMPLES['audit-log']);
    expect(codec.decode('audit-log', today)).toEqual(SAMPLES['audit-log']);
  });

  it('knows no id that it never gave', async () => {
    expect((await failure(fetchSchema(registry.url, 4_000_000))).code).toBe('ATS_EVENT_SCHEMA_UNKNOWN');
  });

  it('keeps ids and schemas over a restart', async () => {
    await registry.stop();
    expect((await failure(registerSchemas(registry.url))).code).toBe('ATS_REGISTRY_UNREACHABLE');
    expect((await failure(fetchSchema(registry.url, 1))).code).toBe('ATS_REGISTRY_UNREACHABLE');
    registry = await startRegistry({ dir, port, managementPort });
    expect(await registerSchemas(registry.url)).toEqual(ids);
    for (const topic of TOPIC_NAMES) expect(fingerprintOf(await fetchSchema(registry.url, ids[topic]))).toBe(schemaFingerprint(topic));
  }, 120_000);
});

describe('with something else at its address', () => {
  let server: Server;
  let url: string;
  let answer: { status: number; body: string };
  beforeAll(async () => {
    server = createServer((_, response) => response.writeHead(answer.status).end(answer.body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it.each([[200, '<html>'], [500, 'out of order'], [200, '{}']])('says so in one line: %d %s', async (status, body) => {
    answer = { status, body };
    const error = await failure(fetchSchema(url, 1));
    expect(error.code).toBe('ATS_REGISTRY_UNREACHABLE');
    expect(error.message).not.toContain('\n');
    expect(error.message).toContain(url);
    expect((await failure(registerSchemas(url))).code).toBe('ATS_REGISTRY_UNREACHABLE');
  });
});
