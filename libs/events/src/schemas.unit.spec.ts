import { readFileSync } from 'node:fs';
import { generateTypes, readSchemas } from '../scripts/generate-types.js';
import { schemaFingerprint } from './codec.js';
import { SCHEMAS } from './generated.js';
import { PROOF_BYTES } from './hash.js';
import { TOPIC_NAMES, TOPICS } from './topics.js';

interface Node { name?: string; type?: unknown; doc?: string; privacy?: string; fields?: Node[]; items?: unknown; logicalType?: string; size?: number; symbols?: string[] }

/** Every schema node below one, itself included. */
function nodes(schema: unknown): Node[] {
  if (Array.isArray(schema)) return schema.flatMap(nodes);
  if (typeof schema !== 'object' || schema === null) return [];
  const node = schema as Node;
  return [node, ...nodes(node.type), ...nodes(node.items), ...(node.fields ?? []).flatMap((field) => nodes(field.type))];
}

it('generated.ts is what schemas/ say (npm run generate)', () => {
  expect(readFileSync(new URL('./generated.ts', import.meta.url), 'utf8')).toBe(generateTypes(readSchemas()));
});

it('every topic has a schema and every schema a topic', () => {
  expect([...readSchemas().keys()].sort()).toEqual([...TOPIC_NAMES].sort());
  for (const topic of TOPIC_NAMES) expect(TOPICS[topic].schemaFile).toBe(`schemas/${topic}.avsc`);
});

describe.each(TOPIC_NAMES)('%s', (topic) => {
  const all = nodes(SCHEMAS[topic]);
  const fields = all.flatMap((node) => node.fields ?? []);

  it('documents every field and named type, and gives every field a privacy class', () => {
    for (const field of fields) {
      expect([field.name, field.doc?.endsWith('.')]).toEqual([field.name, true]);
      expect(['public', 'sealed', 'personal']).toContain(field.privacy);
    }
    for (const node of all.filter(({ name }) => name !== undefined)) expect([node.name, typeof node.doc]).toEqual([node.name, 'string']);
  });

  it('names the unit of every number', () => {
    const numeric = fields.filter(({ type }) => JSON.stringify(type).match(/"(int|long)"/) && !JSON.stringify(type).includes('"fields"'));
    for (const field of numeric) {
      expect(`${field.name}: ${field.doc}`).toMatch(/millisecond|offset|partition|number|Number|window|count|Class|class|version|Version|chain id|Position|epoch/i);
    }
  });

  it('carries times as timestamp-millis', () => {
    for (const field of fields.filter(({ name }) => /^(timestamp|windowEnd|partitionClock)$/.test(name!))) {
      expect([field.name, (field.type as Node).logicalType]).toEqual([field.name, 'timestamp-millis']);
    }
  });

  it('has no personal field, since the platform exports every topic', () => {
    expect(fields.filter(({ privacy }) => privacy === 'personal')).toEqual([]);
  });

  it('keeps its times by the broker\'s clock and its records for ever', () => {
    expect(TOPICS[topic].config).toMatchObject({
      'message.timestamp.type': 'LogAppendTime', 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1',
      'max.message.bytes': topic === 'telemetry' || topic === 'bci-intent' ? '66560' : '262144',
    });
  });
});

it.each(['telemetry', 'bci-intent'] as const)('the proof is the last field of %s, and fixed, so that it is the last bytes of the value', (topic) => {
  const last: Node = SCHEMAS[topic].fields.at(-1)!;
  expect([last.name, (last.type as Node).type, (last.type as Node).size]).toEqual(['proof', 'fixed', PROOF_BYTES]);
});

it('sealed payloads are the only sealed fields', () => {
  const sealed = TOPIC_NAMES.flatMap((topic) => nodes(SCHEMAS[topic]).flatMap((node) => node.fields ?? []).filter(({ privacy }) => privacy === 'sealed').map(({ name }) => `${topic}.${name}`));
  expect(sealed.sort()).toEqual(['bci-intent.ciphertext', 'bci-intent.sealed', 'telemetry.ciphertext', 'telemetry.sealed']);
});

it('a name that stands for two different types is refused by the generator', () => {
  const two = new Map([['a', { type: 'record', name: 'A', fields: [{ name: 'x', type: { type: 'fixed', name: 'F', size: 1 } }] }], ['b', { type: 'record', name: 'B', fields: [{ name: 'x', type: { type: 'fixed', name: 'F', size: 2 } }] }]]);
  expect(() => generateTypes(two)).toThrow('F stands for two different types');
});

// Computed with fastavro 1.13.1 (to_parsing_canonical_form) as well.
it('fingerprints are SHA-256 of the Avro parsing canonical form', () => {
  expect(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, schemaFingerprint(topic)]))).toEqual({
    'audit-log': 'cdf080fceeceb8374f701732031527e3c62ba48c3e8216bf989f956613ec9a1e',
    'bci-intent': 'eb0f1cf15b390e963dad4b8330b7893abd420060fab5bd22824a30865accaaf5',
    'bci-intent.verified': 'b9cd454eb3105dd0f2b9d7372a57703db59daf454ac99c3e45dbb62781875a9a',
    'chain-events': '2157a2c7331c2d3710bdaf2fd2baf5671e0eea68c9ca05f0fc7fd17772de39d2',
    rejected: '0e85ef13402e46b7f75693898e35c8ed08f08ace4d1054c2a1b87edc551057e7',
    telemetry: '332d9c20c7d9211d22f6afe97f008487d39d8288a370325ebf94bec1defc3bc1',
    'telemetry.verified': 'fc5c9065df4ab3087e9c80772cc2efe4b1e3b20fde6ce3211d834211a17a031c',
  });
});
