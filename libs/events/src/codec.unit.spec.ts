import { isAtsError, type AtsCode } from '#libs/errors';
import { EventCodec, fingerprintOf, schemaFingerprint, wireSchemaId } from './codec.js';
import { SCHEMAS } from './generated.js';
import { SAMPLES } from './samples.fixture.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

const ids = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, i + 1])) as Record<TopicName, number>;
const codec = EventCodec.fromIds(ids);

const codeOf = (action: () => unknown): AtsCode | 'none' => {
  try {
    action();
    return 'none';
  } catch (error) {
    if (isAtsError(error)) return error.code;
    throw error;
  }
};
/** The decoded event's one byte string, whatever the bytes were that it came from. */
const encodeAgain = (topic: TopicName, event: unknown): Buffer => codec.encode(topic, event as never);

describe.each(TOPIC_NAMES)('%s', (topic) => {
  const value = codec.encode(topic, SAMPLES[topic] as never);

  it('decodes to the event that was encoded, to the same bytes each time', () => {
    expect(codec.decode(topic, value)).toEqual(SAMPLES[topic]);
    expect(encodeAgain(topic, SAMPLES[topic])).toEqual(value);
  });

  it('begins with magic 0 and its schema id', () => {
    expect(value.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, ids[topic]]));
    expect(wireSchemaId(value)).toBe(ids[topic]);
  });

  it('refuses every proper prefix', () => {
    for (let length = 0; length < value.length; length++) {
      expect([length, codeOf(() => codec.decode(topic, value.subarray(0, length)))]).toEqual([length, 'ATS_EVENT_MALFORMED']);
    }
  });

  it('refuses bytes after the event', () => {
    expect(codeOf(() => codec.decode(topic, Buffer.concat([value, Buffer.of(0)])))).toBe('ATS_EVENT_MALFORMED');
  });

  it('takes a mutated record only when it is the one byte string of another event', () => {
    const random = generator(7);
    const outcomes = Array.from({ length: 2000 }, () => mutate(value, random)).map((mutant) => {
      let event: unknown;
      const code = codeOf(() => { event = codec.decode(topic, mutant); });
      return code !== 'none' ? code : encodeAgain(topic, event).equals(mutant) ? 'accepted' : 'a second byte string';
    });
    expect([...new Set(outcomes)].sort()).toEqual(['ATS_EVENT_MALFORMED', 'ATS_EVENT_SCHEMA_UNKNOWN', 'accepted']);
  });
});

// The bodies that fastavro 1.13.1 writes for the samples.
it.each([
  ['rejected', '1274656c656d65747279045280f8b2e5bd68090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627281c386772c3b6c39f657220616c732065726c617562743a203634204b694202500000'],
  ['audit-log', '1274656c656d657472790080808080804080f8b2e5bd68090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627281e02020a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829'],
] as const)('writes %s as another implementation of Avro does', (topic, body) => {
  expect(codec.encode(topic, SAMPLES[topic] as never).subarray(5).toString('hex')).toBe(body);
});

describe('bytes that avsc alone would take', () => {
  const telemetry = codec.encode('telemetry', SAMPLES.telemetry);
  const streamAt = telemetry.indexOf(Buffer.from('load')) - 1;
  const splice = (value: Buffer, at: number, remove: number, ...insert: number[]): Buffer =>
    Buffer.concat([value.subarray(0, at), Buffer.from(insert), value.subarray(at + remove)]);
  const refusal = (topic: TopicName, value: Buffer): string => {
    try {
      codec.decode(topic, value);
      return 'accepted';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  it('are refused: a padded varint', () => {
    expect(refusal('telemetry', splice(telemetry, streamAt, 1, 0x88, 0x00))).toContain('a padded number at byte 32, in stream');
  });

  it('are refused: a string that is not UTF-8', () => {
    expect(refusal('telemetry', splice(telemetry, streamAt + 1, 2, 0xc1, 0x81))).toContain('not UTF-8');
    expect(refusal('telemetry', splice(telemetry, streamAt + 1, 3, 0xed, 0xa0, 0x80))).toContain('not UTF-8');
  });

  it('are refused: a length of exabytes, at once and without the memory', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(refusal('telemetry', splice(telemetry, streamAt, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07))).toContain('bytes expected');
    expect(refusal('telemetry', splice(telemetry, streamAt, 1, ...Array<number>(12).fill(0xff), 0x7f))).toContain('beyond 2^52');
    expect(refusal('telemetry', splice(telemetry, streamAt, 1, ...Array<number>(200).fill(0x80), 0x01))).toContain('beyond 2^52');
    expect(refusal('telemetry', splice(telemetry, streamAt, 1, 0x07))).toContain('a length of -4');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it('are refused: an array of billions, a negative count, a second block', () => {
    const empty = codec.encode('chain-events', { ...SAMPLES['chain-events'], logs: [] });
    const at = empty.length - 1;
    const started = performance.now();
    expect(refusal('chain-events', splice(empty, at, 1, 0xfe, 0xff, 0xff, 0xff, 0x1f))).toContain('items');
    expect(performance.now() - started).toBeLessThan(100);
    expect(refusal('chain-events', splice(empty, at, 1, 0x01, 0x00, 0x00))).toContain('an array of -1 items');
    const one = codec.encode('chain-events', SAMPLES['chain-events']);
    const log = one.subarray(at + 1, -1);
    expect(refusal('chain-events', Buffer.concat([one.subarray(0, at), Buffer.of(2), log, Buffer.of(2), log, Buffer.of(0)]))).toContain('a second array block');
  });

  it('are refused: a boolean of 2, an enum and a union branch that do not exist', () => {
    const verified = codec.encode('telemetry.verified', SAMPLES['telemetry.verified']);
    expect(refusal('telemetry.verified', splice(verified, verified.length - 1, 1, 2))).toContain('a boolean of 2');
    const audit = codec.encode('audit-log', { ...SAMPLES['audit-log'], registryBlock: null });
    expect(refusal('audit-log', splice(audit, audit.length - 1, 1, 4))).toContain('no union branch 2');
    expect(refusal('audit-log', splice(audit, audit.length - 3, 1, 32))).toContain('no symbol 16');
    expect(refusal('audit-log', splice(audit, audit.length - 3, 1, 1))).toContain('no symbol -1');
  });

  it('are refused: an int of 33 bits and a long beyond 2^52', () => {
    const audit = codec.encode('audit-log', { ...SAMPLES['audit-log'], registryBlock: null });
    expect(refusal('audit-log', splice(audit, audit.length - 2, 1, 0x80, 0x80, 0x80, 0x80, 0x10))).toContain('more than 32 bits');
    const event = { ...SAMPLES['audit-log'], offset: 2 ** 52 - 1 };
    expect(codec.decode('audit-log', codec.encode('audit-log', event))).toEqual(event);
    const below = { ...event, offset: -(2 ** 52) };
    expect(codec.decode('audit-log', codec.encode('audit-log', below))).toEqual(below);
    expect(codeOf(() => codec.encode('audit-log', { ...event, offset: 2 ** 52 }))).toBe('ATS_EVENT_MALFORMED');
    expect(codeOf(() => codec.encode('audit-log', { ...event, offset: -(2 ** 52) - 1 }))).toBe('ATS_EVENT_MALFORMED');
  });
});

describe('a value that is no event at all', () => {
  it.each([['null', null], ['empty', Buffer.alloc(0)], ['four bytes', Buffer.alloc(4)], ['another magic', Buffer.from([1, 0, 0, 0, 1, 0])], ['64 KiB of zeros', Buffer.alloc(65_536)]])('%s is refused', (_, value) => {
    expect(['ATS_EVENT_MALFORMED', 'ATS_EVENT_SCHEMA_UNKNOWN']).toContain(codeOf(() => codec.decode('telemetry', value)));
  });

  it('with the id of another topic is SCHEMA_UNKNOWN', () => {
    expect(codeOf(() => codec.decode('telemetry', codec.encode('rejected', SAMPLES.rejected)))).toBe('ATS_EVENT_SCHEMA_UNKNOWN');
  });
});

it.each(['telemetry.verified', 'bci-intent.verified'] as const)('a projection of %s takes what decoding takes, and finds the same fields', (topic) => {
  const project = codec.projection(topic, ['source.offset', 'epoch', 'nullifier']);
  const value = codec.encode(topic, SAMPLES[topic] as never);
  const random = generator(11);
  const outcomes = new Set<string>();
  for (const mutant of [value, ...Array.from({ length: 3000 }, () => mutate(value, random))]) {
    const bytes = Buffer.concat([Buffer.of(9), mutant, Buffer.of(9)]);
    let event: ReturnType<typeof codec.decode<typeof topic>> | undefined;
    const code = codeOf(() => { event = codec.decode(topic, mutant); });
    let found: readonly number[] | null = null;
    const projected = codeOf(() => { found = project(bytes, 1, bytes.length - 1); });
    outcomes.add(code);
    if (code === 'ATS_EVENT_SCHEMA_UNKNOWN') expect([projected, found]).toEqual(['none', null]);
    else expect(projected).toBe(code);
    if (event === undefined) continue;
    const [offset, epoch, nullifier] = found! as number[];
    expect([offset, epoch, bytes.subarray(nullifier, nullifier! + 32)]).toEqual([event.source.offset, event.epoch, event.nullifier]);
  }
  expect([...outcomes].sort()).toEqual(['ATS_EVENT_MALFORMED', 'ATS_EVENT_SCHEMA_UNKNOWN', 'none']);
});

it('says which field of an event is not of its type', () => {
  const faulty = { ...SAMPLES.telemetry, epoch: 1.5, proof: Buffer.alloc(255), sealed: { ...SAMPLES.telemetry.sealed, keyId: 'x' } };
  expect(() => codec.encode('telemetry', faulty as never)).toThrow(/^ATS_EVENT_MALFORMED: .*epoch is 1\.5, sealed\.keyId is "x", proof is 255 bytes/);
  expect(() => codec.encode('telemetry', { ...SAMPLES.telemetry, stream: '\ud800' })).toThrow(/not UTF-8/);
});

it('holds no reference to the bytes that it decoded', () => {
  const value = codec.encode('telemetry', SAMPLES.telemetry);
  const event = codec.decode('telemetry', value);
  value.fill(0xee);
  expect(event).toEqual(SAMPLES.telemetry);
});

describe('records of an older schema', () => {
  const older = { ...SCHEMAS.rejected, fields: SCHEMAS.rejected.fields.filter(({ name }) => name !== 'duplicateOf') };

  it('are read through today\'s, a field that is new taking its default', () => {
    const written = EventCodec.fromIds({ ...ids, rejected: 50 });
    const value = olderValue(50, older);
    expect(codeOf(() => codec.decode('rejected', value))).toBe('ATS_EVENT_SCHEMA_UNKNOWN');
    const reader = EventCodec.fromIds(ids);
    reader.addWriter('rejected', 50, older);
    expect(reader.decode('rejected', value)).toEqual({ ...SAMPLES.rejected, duplicateOf: null });
    expect(codeOf(() => reader.decode('rejected', Buffer.concat([value, Buffer.of(0)])))).toBe('ATS_EVENT_MALFORMED');
    expect(written.idOf('rejected')).toBe(50);
  });

  it('are refused when today\'s can not read them', () => {
    const incompatible = { ...older, fields: older.fields.filter(({ name }) => name !== 'detail') };
    expect(codeOf(() => EventCodec.fromIds(ids).addWriter('rejected', 51, incompatible))).toBe('ATS_SCHEMA_INCOMPATIBLE');
  });

  function olderValue(id: number, schema: unknown): Buffer {
    const value = codec.encode('rejected', { ...SAMPLES.rejected, duplicateOf: null });
    // duplicateOf is the third byte from the end: branch 0, then parameterVersion 0 and registryBlock branch 0
    const body = Buffer.concat([value.subarray(0, -3), value.subarray(-2)]);
    body.writeUInt32BE(id, 1);
    expect(fingerprintOf(schema)).not.toBe(schemaFingerprint('rejected'));
    return body;
  }
});

it('a fingerprint ignores documentation and sees a changed field', () => {
  const undocumented = JSON.parse(JSON.stringify(SCHEMAS.telemetry, (key, value: unknown) => (key === 'doc' || key === 'privacy' ? undefined : value))) as unknown;
  expect(fingerprintOf(undocumented)).toBe(schemaFingerprint('telemetry'));
  expect(fingerprintOf({ ...SCHEMAS.telemetry, fields: SCHEMAS.telemetry.fields.slice(0, -1) })).not.toBe(schemaFingerprint('telemetry'));
});

/** xorshift32: the same mutations in each run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(value: Buffer, random: (below: number) => number): Buffer {
  const at = random(value.length);
  switch (random(4)) {
    case 0: {
      const copy = Buffer.from(value);
      copy[at] = random(256);
      return copy;
    }
    case 1:
      return Buffer.concat([value.subarray(0, at), Buffer.of(random(256)), value.subarray(at)]);
    case 2:
      return Buffer.concat([value.subarray(0, at), value.subarray(at + 1 + random(4))]);
    default: {
      const from = random(value.length);
      return Buffer.concat([value.subarray(0, at), value.subarray(from, from + random(40)), value.subarray(at)]);
    }
  }
}
