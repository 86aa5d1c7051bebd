import { createHash } from 'node:crypto';
import { FIELD_MODULUS } from './field.js';
import { cloudEventHeaders } from './headers.js';
import { MESSAGE_HASH_HEADERS, messageHash, murmur2, partitionOf, recordHash } from './hash.js';

const part = (bytes: string | Buffer | null): Buffer => {
  if (bytes === null) return Buffer.from('ffffffff', 'hex');
  const content = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
};
const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

describe('partitionOf', () => {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  it.each([['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536], ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107]])('hashes %s as Kafka does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
    for (const partitions of [3, 4]) expect(partitionOf(Buffer.from(text), partitions)).toBe((hash & 0x7fffffff) % partitions);
  });

  it('spreads keys over all partitions', () => {
    expect(new Set(Array.from({ length: 100 }, (_, i) => partitionOf(Buffer.from(`${i}`), 4)))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('recordHash', () => {
  const two = Buffer.from([0, 0, 0, 2]);
  const none = Buffer.alloc(4);

  it('is SHA-256 over the length-prefixed key, value and sorted headers', () => {
    const headers = [['b', Buffer.from('1')], ['a', null]] as const;
    expect(recordHash({ key: Buffer.from('k'), value: Buffer.from('v'), headers })).toEqual(sha256(part('k'), part('v'), two, part('a'), part(null), part('b'), part('1')));
  });

  it('keeps arrival order within a name and ignores it between names', () => {
    const x = ['x', Buffer.from('1')] as const;
    const y = ['x', Buffer.from('2')] as const;
    const z = ['z', Buffer.from('3')] as const;
    const of = (...headers: (readonly [string, Buffer])[]): string => recordHash({ key: null, value: null, headers }).toString('hex');
    expect(of(x, y, z)).toBe(of(z, x, y));
    expect(of(x, y)).not.toBe(of(y, x));
  });

  it('tells null from empty, and the key from the value', () => {
    const of = (key: Buffer | null, value: Buffer | null): string => recordHash({ key, value, headers: [] }).toString('hex');
    expect(of(null, null)).toBe(sha256(part(null), part(null), none).toString('hex'));
    expect(new Set([of(null, null), of(Buffer.alloc(0), null), of(null, Buffer.alloc(0)), of(Buffer.from('a'), null), of(null, Buffer.from('a'))]).size).toBe(5);
  });
});

describe('messageHash', () => {
  const key = Buffer.alloc(32, 1);
  const value = Buffer.concat([Buffer.from('body'), Buffer.alloc(256, 7)]);
  const headers = cloudEventHeaders({ id: '1', source: '/edge', type: 'attestream.telemetry', subject: 'load', time: 0, traceparent: '00-trace' });
  const hash = messageHash('telemetry', key, value, headers);

  it('is a field element: SHA-256 of its documented parts without the top 3 bits', () => {
    const digest = sha256(part('telemetry'), part(key), part(Buffer.concat([Buffer.from('body'), Buffer.alloc(256)])), ...MESSAGE_HASH_HEADERS.flatMap((name) => [Buffer.from([0, 0, 0, 1]), part(headers[name]!)]));
    expect(hash).toBe(BigInt(`0x${digest.toString('hex')}`) & ((1n << 253n) - 1n));
    expect(hash).toBeLessThan(FIELD_MODULUS);
  });

  it('does not change with the proof or traceparent, nor with the form of the headers', () => {
    const other = Buffer.from(value).fill(9, 4);
    expect(messageHash('telemetry', key, other, { ...headers, traceparent: Buffer.from('other') })).toBe(hash);
    expect(messageHash('telemetry', key, value, Object.entries(headers).toReversed())).toBe(hash);
  });

  it('leaves the value as it was', () => {
    expect(value.subarray(-256)).toEqual(Buffer.alloc(256, 7));
  });

  it('changes with topic, key, body and every bound header, absent ones and second values included', () => {
    const body = Buffer.from(value);
    body[0]! ^= 1;
    const entries = Object.entries(headers);
    const others = [
      messageHash('bci-intent', key, value, headers), messageHash('telemetry', null, value, headers), messageHash('telemetry', key, body, headers),
      ...MESSAGE_HASH_HEADERS.flatMap((bound) => [
        messageHash('telemetry', key, value, entries.filter(([name]) => name !== bound)),
        messageHash('telemetry', key, value, [...entries, [bound, headers[bound]!]]),
        messageHash('telemetry', key, value, { ...headers, [bound]: Buffer.from('x') }),
      ]),
    ];
    expect(new Set([hash, ...others]).size).toBe(others.length + 1);
  });

  it('does not let a second value of one header pass for a value of the next', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    expect(messageHash('telemetry', key, value, [['ce_id', a!], ['ce_id', b!], ['ce_source', c!]]))
      .not.toBe(messageHash('telemetry', key, value, [['ce_id', a!], ['ce_source', b!], ['ce_source', c!]]));
  });

  it('is that of its documented parts, too, where headers are absent, null, come several times, or are larger than anything before', () => {
    const large = Buffer.alloc(300_000, 5);
    const count = (n: number) => Buffer.from([0, 0, 0, n]);
    const digest = sha256(part('telemetry'), part(null), part(Buffer.alloc(256)), count(0), count(3), part('a'), part(null), part('b'), count(1), part(large), count(0), count(0), count(0), count(0));
    expect(messageHash('telemetry', null, Buffer.alloc(256, 7), [['ce_id', Buffer.from('a')], ['ce_source', large], ['ce_id', null], ['other', large], ['ce_id', Buffer.from('b')]]))
      .toBe(BigInt(`0x${digest.toString('hex')}`) & ((1n << 253n) - 1n));
  });

  it('refuses a value too short for a proof', () => {
    expect(() => messageHash('telemetry', key, Buffer.alloc(255), headers)).toThrow('ATS_EVENT_MALFORMED');
  });
});
