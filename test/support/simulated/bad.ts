import { FIELD_MODULUS, fieldToBytes, PROOF_BYTES, TOPICS, type EventOf, type OutgoingRecord } from '#libs/events';
import type { Verdict } from '#libs/verdict';
import { simulateProof, type Trapdoor } from './trapdoor.js';
import type { Said, SimulatedWorld } from './world.js';

/** Read at each use: a benchmark changes the table. */
const partitions = () => TOPICS.telemetry.partitions;

export interface BadKind {
  /** What it must get, in a partition whose earlier messages are whole. */
  readonly verdict: Verdict;
  /** It repeats a message that must have been verified before it in the same partition: that of the same household, stream and epoch with variant 0. */
  readonly repeats?: true;
  make(world: SimulatedWorld, said: Said): OutgoingRecord;
}

/**
 * Every way to be refused that a message alone decides, each named after what was done to it. None uses up the nullifier of the honest message. Those
 * that do not repeat it have to come before it, or be about an epoch or stream of which nothing is verified: a used nullifier is looked for before the proof.
 */
export const BAD_KINDS = {
  'proof of another message': kind('PROOF_INVALID', (world, said) => {
    const other = world.telemetry({ ...said, variant: (said.variant ?? 0) + 1_000_000 });
    return withProof(world.unproven(world.event(said)), other.value.subarray(-PROOF_BYTES));
  }),
  'proof under another key': kind('PROOF_INVALID', (world, said) => {
    const event = world.event(said);
    const record = world.unproven(event);
    return withProof(record, simulateProof(otherTrapdoor(world), 'telemetry16', world.publicSignals(event, record)));
  }),
  'changed state': kind('PROOF_INVALID', (world, said) => {
    const honest = world.telemetry({ ...said, state: 'OK' });
    return withProof(world.unproven(world.event({ ...said, state: 'CRITICAL' })), honest.value.subarray(-PROOF_BYTES));
  }),
  'changed header': kind('PROOF_INVALID', (world, said) => {
    const record = world.telemetry(said);
    return { ...record, headers: { ...record.headers, ce_time: Buffer.from('2020-01-01T00:00:00.000Z') } };
  }),
  'flipped bit': kind('PROOF_INVALID', (world, said) => {
    const record = world.telemetry(said);
    const draw = world.bytes(`flip ${nameOf(said)}`, 2).readUInt16BE();
    record.value[record.value.length - PROOF_BYTES + (draw >> 3) % PROOF_BYTES]! ^= 1 << (draw & 7);
    return record;
  }),
  'infinity': kind('PROOF_INVALID', (world, said) => world.unproven(world.event(said))),
  'noise for a proof': kind('PROOF_INVALID', (world, said) => withProof(world.unproven(world.event(said)), world.bytes(`noise ${nameOf(said)}`, PROOF_BYTES))),
  'byte-for-byte replay': { ...kind('NULLIFIER_SEEN', (world, said) => world.telemetry({ ...said, variant: 0 })), repeats: true },
  'second message': { ...kind('NULLIFIER_SEEN', (world, said) => world.telemetry({ ...said, variant: (said.variant ?? 0) + 1 })), repeats: true },
  'empty value': kind('MALFORMED', (world, said) => ({ ...world.telemetry(said), value: Buffer.alloc(0) })),
  'wrong magic byte': kind('MALFORMED', (world, said) => changed(world.telemetry(said), (value) => { value[0] = 1; })),
  'unknown schema': kind('SCHEMA_UNKNOWN', (world, said) => changed(world.telemetry(said), (value) => { value.writeUInt32BE(0x7fff_ff00, 1); })),
  'cut short': kind('MALFORMED', (world, said) => valued(world.telemetry(said), (value) => value.subarray(0, -world.bytes(`cut ${nameOf(said)}`, 1)[0]! - 1))),
  'trailing bytes': kind('MALFORMED', (world, said) => valued(world.telemetry(said), (value) => Buffer.concat([value, Buffer.from([0])]))),
  'nullifier above the modulus': kind('FIELD_NOT_CANONICAL', (world, said) => {
    const event = world.event(said);
    return spoken(world, { ...event, nullifier: aboveModulus(event.nullifier) });
  }),
  'wrong partition': kind('PARTITION_MISMATCH', (world, said) => ({ ...world.telemetry(said), partition: (world.partitionOf(said.household) + 1) % partitions() })),
  'key of another household': kind('KEY_MISMATCH', (world, said) => {
    for (let i = 0; ; i++) {
      const key = world.bytes(`key ${i} ${nameOf(said)}`, 32);
      if (world.partitionOfKey(key) === world.partitionOf(said.household)) return { ...world.telemetry(said), key };
    }
  }),
  'no key': kind('KEY_MISMATCH', (world, said) => ({ ...world.telemetry(said), key: null, partition: world.partitionOf(said.household) })),
  'unknown circuit': kind('STATEMENT_UNKNOWN', (world, said) => spoken(world, { ...world.event(said), circuit: 'telemetry17' })),
  'stream without policy': kind('POLICY_UNKNOWN', (world, said) => spoken(world, { ...world.event(said), stream: 'unheard-of' })),
  'stale epoch': kind('EPOCH_STALE', (world, said) => {
    const [{ acceptSeconds, epochSeconds }] = world.parameterSet().statements as [ReturnType<SimulatedWorld['parameterSet']>['statements'][number]];
    return world.telemetry({ ...said, epoch: (said.epoch ?? world.lastEpoch()) - Math.ceil((2 * acceptSeconds) / epochSeconds) });
  }),
  'future epoch': kind('EPOCH_FUTURE', (world, said) => world.telemetry({ ...said, epoch: world.lastEpoch() + 100_000 })),
  'unknown root': kind('ROOT_UNKNOWN', (world, said) => spoken(world, { ...world.event(said), root: fieldToBytes(BigInt(`0x${world.bytes(`root ${nameOf(said)}`, 31).toString('hex')}`)) })),
  'root with a revoked leaf': kind('ROOT_REVOKED', (world, said) => spoken(world, { ...world.event(said), root: fieldToBytes(world.revokedRoot) })),
} as const satisfies Record<string, BadKind>;

export type BadKindName = keyof typeof BAD_KINDS;
export const BAD_KIND_NAMES = Object.keys(BAD_KINDS) as readonly BadKindName[];

/** A bad message about what an honest one would say, and the verdict that it must get. */
export function badMessage(world: SimulatedWorld, name: BadKindName, said: Said): { record: OutgoingRecord; verdict: Verdict } {
  const { verdict, make } = BAD_KINDS[name];
  return { record: make(world, { ...said, epoch: said.epoch ?? world.lastEpoch() }), verdict };
}

function kind(verdict: Verdict, make: BadKind['make']): BadKind {
  return { verdict, make };
}

/** Proven for what it says: nothing but that is wrong with it. */
function spoken(world: SimulatedWorld, event: EventOf<'telemetry'>): OutgoingRecord {
  return world.proven(event, world.unproven(event));
}

function withProof<R extends OutgoingRecord>(record: R, proof: Buffer): R {
  return changed(record, (value) => { proof.copy(value, value.length - PROOF_BYTES); });
}

function changed<R extends OutgoingRecord>(record: R, change: (value: Buffer) => void): R {
  change(record.value);
  return record;
}

function valued<R extends OutgoingRecord>(record: R, change: (value: Buffer) => Buffer): R {
  return { ...record, value: change(record.value) };
}

function aboveModulus(bytes: Buffer): Buffer {
  return Buffer.from((BigInt(`0x${bytes.toString('hex')}`) + FIELD_MODULUS).toString(16).padStart(64, '0'), 'hex');
}

const others = new WeakMap<SimulatedWorld, Trapdoor>();

function otherTrapdoor(world: SimulatedWorld): Trapdoor {
  const known = others.get(world) ?? world.otherTrapdoor();
  others.set(world, known);
  return known;
}

function nameOf({ household, stream = '', epoch = 0, variant = 0 }: Said): string {
  return `${household} ${stream} ${epoch} ${variant}`;
}
