import { FIELD_BYTES, PROOF_BYTES, TOPICS, type EventOf, type OutgoingRecord } from '#libs/events';
import type { SimulatedWorld } from '../simulated/index.js';

/** Whole messages, sent before and never sent, that mutations begin with, each with its partition. A nullifier that was used before keeps most from needing a proof verified. */
export interface Originals {
  readonly used: readonly OutgoingRecord[];
  readonly unused: readonly OutgoingRecord[];
}

/** One in so many begins with a message whose nullifier is free. */
const UNUSED_EVERY = 8;

/** Records that are almost messages, decided by the seed alone. */
export function* mutated(world: SimulatedWorld, { used, unused }: Originals, seed: number, count: number): Generator<OutgoingRecord> {
  const random = mulberry32(seed);
  const draw: Draw = {
    below: (n) => Math.floor(random() * n),
    of: (list) => list[Math.floor(random() * list.length)]!,
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => Math.floor(random() * 256))),
  };
  for (let i = 0; i < count; i++) {
    const original = () => draw.of(i % UNUSED_EVERY === 0 ? unused : used);
    let record = own(original());
    for (let times = draw.of([1, 1, 1, 2, 3]); times > 0; times--) record = draw.of(MUTATIONS)(record, { draw, world, other: original() });
    yield record;
  }
}

interface Draw {
  below(n: number): number;
  of<T>(list: readonly T[]): T;
  bytes(n: number): Buffer;
}

interface Surroundings { readonly draw: Draw; readonly world: SimulatedWorld; readonly other: OutgoingRecord }
type Mutation = (record: OutgoingRecord, surroundings: Surroundings) => OutgoingRecord;

/** What varints, lengths and counts can claim. */
const EXTREMES = ['00', '01', '7f', 'ff', '8001', 'feffffffff0f', 'ffffffffffffffffff01', 'ffffffffffffffffffffff', '80808080808080808000', 'feffffff0f', 'ffffffff0f'].map((hex) => Buffer.from(hex, 'hex'));
const FIELDS = ['pseudonym', 'root', 'nullifier', 'commitment'] as const;
const NAMES = ['toString', '__proto__', 'constructor', '', 'ce_id', 'ce_specversion', 'content-type', 'traceparent', 'x'.repeat(300), '\u0000', 'Ω'];

const MUTATIONS: readonly Mutation[] = [
  // bits and bytes of the value
  (record, { draw }) => valued(record, (value) => flip(value, draw, 0, 3)),
  (record, { draw }) => valued(record, (value) => flip(value, draw, 0, 1)),
  (record, { draw }) => valued(record, (value) => flip(value, draw, value.length - PROOF_BYTES, 1)),
  (record, { draw }) => valued(record, (value) => value.subarray(0, draw.below(value.length + 1))),
  (record, { draw }) => valued(record, (value) => value.subarray(0, -1 - draw.below(3))),
  (record, { draw }) => valued(record, (value) => Buffer.concat([value, draw.bytes(1 + draw.below(64))])),
  (record, { draw }) => valued(record, (value) => spliced(value, draw, draw.bytes(draw.below(40)))),
  (record, { draw }) => valued(record, (value) => spliced(value, draw, value.subarray(draw.below(value.length), draw.below(value.length)))),
  // lengths, counts and varints
  (record, { draw }) => valued(record, (value) => overwritten(value, draw.of(EXTREMES), 5 + draw.below(Math.max(1, value.length - 5)))),
  (record, { draw }) => valued(record, (value) => overwritten(value, draw.of(EXTREMES), 5 + draw.below(60))),
  (record, { draw }) => valued(record, (value) => overwritten(value, draw.of(EXTREMES), 0)),
  // what stands in front of the body
  (record, { draw, world }) => valued(record, (value) => overwritten(value, id(draw.of([0, 1, 2 ** 31, 2 ** 32 - 1, world.codec.idOf('bci-intent'), world.codec.idOf('audit-log'), draw.below(2 ** 32)])), 1)),
  (record, { draw }) => valued(record, () => draw.bytes(draw.below(6))),
  (record) => ({ ...record, value: null as unknown as Buffer }),
  // fields of one message in another
  (record, { other, draw }) => valued(record, (value) => Buffer.concat([value.subarray(0, draw.below(value.length)), (other.value ?? value).subarray(draw.below(value.length))])),
  (record, { other }) => valued(record, (value) => Buffer.concat([value.subarray(0, -PROOF_BYTES), (other.value ?? value).subarray(-PROOF_BYTES)])),
  reencoded((event, { draw }) => {
    const [a, b] = [draw.of(FIELDS), draw.of(FIELDS)];
    return { ...event, [a]: event[b], [b]: event[a] };
  }),
  reencoded((event, { draw }) => ({ ...event, [draw.of(FIELDS)]: Buffer.alloc(FIELD_BYTES, draw.of([0, 0xff, 0x30])) })),
  reencoded((event, { draw }) => ({ ...event, epoch: draw.of([0, -1, event.epoch + 1, event.epoch - 1, -(2 ** 52), 2 ** 52, Number.MAX_SAFE_INTEGER]) })),
  reencoded((event, { draw }) => ({ ...event, state: draw.of(['OK', 'WARNING', 'CRITICAL'] as const), circuit: draw.of([event.circuit, '', 'telemetry17', '__proto__', 'toString']) })),
  reencoded((event, { draw }) => ({ ...event, stream: draw.of(['', 'Load', 'load ', '../x', '__proto__', 'constructor', 'x'.repeat(32), 'é', '\u0000']) })),
  reencoded((event, { draw }) => ({ ...event, policyFamily: draw.of(['', 'HOME', 'other', 'constructor', 'x'.repeat(200)]) })),
  reencoded((event, { draw }) => ({ ...event, sealed: { ...event.sealed, ciphertext: draw.bytes(draw.of([0, 1, 5000])) } })),
  // the key
  (record) => ({ ...record, key: null }),
  (record, { draw }) => ({ ...record, key: draw.bytes(draw.of([0, 1, 31, 32, 33, 1024])) }),
  (record, { other }) => ({ ...record, key: other.key }),
  (record, { draw }) => ({ ...record, key: record.key && flip(Buffer.from(record.key), draw, 0, 1) }),
  // headers
  (record) => ({ ...record, headers: {} }),
  (record, { draw }) => {
    const name = draw.of(Object.keys(record.headers).concat('x'));
    const { [name]: content = Buffer.alloc(0), ...rest } = record.headers;
    return { ...record, headers: draw.below(2) === 0 ? rest : { ...rest, [name]: flip(Buffer.concat([content, draw.bytes(1)]), draw, 0, 1) } };
  },
  (record, { draw }) => ({ ...record, headers: Object.fromEntries([...Object.entries(record.headers), [draw.of(NAMES), draw.bytes(draw.below(50))]]) }),
  (record, { draw }) => ({ ...record, headers: Object.fromEntries(Array.from({ length: draw.of([1, 20, 200]) }, (_, i) => [`h${i}`, draw.bytes(draw.below(8))])) }),
  // a name that comes twice, which the client writes for a list
  (record, { draw }) => ({ ...record, headers: { ...record.headers, [draw.of(NAMES)]: [draw.bytes(3), draw.bytes(4)] as unknown as Buffer } }),
  // nothing: a resend, in its own partition or in another
  (record) => record,
  (record, { draw }) => ({ ...record, partition: draw.below(TOPICS.telemetry.partitions) }),
  // the other topic, whose messages look alike
  (record, { draw }) => ({ ...record, topic: 'bci-intent', partition: draw.below(TOPICS['bci-intent'].partitions) }),
];

/** In a copy, since mutations change bytes where they stand. */
function own(record: OutgoingRecord): OutgoingRecord {
  return { ...record, key: record.key && Buffer.from(record.key), value: Buffer.from(record.value) };
}

function valued(record: OutgoingRecord, change: (value: Buffer) => Buffer): OutgoingRecord {
  return record.value === null ? record : { ...record, value: change(Buffer.from(record.value)) };
}

/** Changes the event, where the value still is one, and leaves the old proof. */
function reencoded(change: (event: EventOf<'telemetry'>, surroundings: Surroundings) => EventOf<'telemetry'>): Mutation {
  return (record, surroundings) => valued(record, (value) => {
    const { codec } = surroundings.world;
    try {
      return codec.encode('telemetry', change(codec.decode('telemetry', value), surroundings));
    } catch {
      return value; // no event any more, or one that no encoder writes
    }
  });
}

function flip(bytes: Buffer, draw: Draw, from: number, times: number): Buffer {
  for (; times > 0 && bytes.length > Math.max(0, from); times--) {
    const at = Math.max(0, from) + draw.below(bytes.length - Math.max(0, from));
    bytes[at]! ^= 1 << draw.below(8);
  }
  return bytes;
}

/** Cuts a few bytes out and puts others in. */
function spliced(bytes: Buffer, draw: Draw, insert: Buffer): Buffer {
  const at = draw.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + draw.below(40))]);
}

function overwritten(bytes: Buffer, by: Buffer, at: number): Buffer {
  by.copy(bytes, Math.min(at, bytes.length));
  return bytes;
}

function id(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
}

/** A small generator with a seed: the same records in each run. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
