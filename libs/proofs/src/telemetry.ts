import { AtsError } from '#libs/errors';
import { FIELD_MODULUS } from '#libs/events';
import { commitmentOf, KIND, leafHash, nullifierOf, pseudonymOf, readingsDigest, secretHash } from './hashes.js';
import { rootOfPath, TREE_DEPTH } from './merkle-tree.js';
import { verifyDigest } from './sensor-key.js';

/** Readings of one window of the circuit telemetry16. */
export const WINDOW_READINGS = 16;
/** A reading or bound is an integer in [0, 2^32), in the stream's fixed-point unit. */
export const READING_LIMIT = 2n ** 32n;
/** kWarn and kCrit are in [0, 32): 0 holds always, more than 16 never. */
export const COUNT_LIMIT = 32n;

/** The proven state of a window; the numbers are the circuit's. */
export const STATE = { OK: 0n, WARNING: 1n, CRITICAL: 2n } as const;

/** The policy's part of the statement. */
export interface TelemetryPolicy { warnLo: bigint; warnHi: bigint; critLo: bigint; critHi: bigint; kWarn: bigint; kCrit: bigint }

/** The circuit's inputs, under the circuit's names: pass it to a Prover as it is. stream and policyFamily are `fieldFromText` of their ids. */
export interface TelemetryInput extends TelemetryPolicy {
  scope: bigint; stream: bigint; epoch: bigint; policyFamily: bigint; messageHash: bigint;
  Ax: bigint; Ay: bigint; R8x: bigint; R8y: bigint; S: bigint;
  secret: bigint; salt: bigint;
  siblings: readonly bigint[]; pathIndices: readonly number[];
  readings: readonly bigint[];
}

/** The statement's public signals by name. */
export interface TelemetryPublics extends TelemetryPolicy {
  root: bigint; pseudonym: bigint; nullifier: bigint; commitment: bigint; state: bigint;
  scope: bigint; stream: bigint; epoch: bigint; policyFamily: bigint; messageHash: bigint;
}

/** Order of the public signals in proof and verification key: circom puts outputs first. */
export const TELEMETRY_SIGNALS = [
  'root', 'pseudonym', 'nullifier', 'commitment', 'state',
  'scope', 'stream', 'epoch', 'policyFamily', 'warnLo', 'warnHi', 'critLo', 'critHi', 'kWarn', 'kCrit', 'messageHash',
] as const satisfies readonly (keyof TelemetryPublics)[];

/**
 * The public signals in the circuit's order. Whole numbers may be given as number or bigint.
 * @throws AtsError ATS_FIELD_NOT_CANONICAL when one is not in [0, r).
 */
export function telemetryPublicSignals(publics: { readonly [name in keyof TelemetryPublics]: bigint | number }): bigint[] {
  return TELEMETRY_SIGNALS.map((name) => {
    const given = publics[name];
    if (typeof given === 'number' && !Number.isSafeInteger(given)) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${name} = ${given} is not a whole number`);
    const signal = BigInt(given);
    if (signal < 0n || signal >= FIELD_MODULUS) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${name} = ${signal} is not in [0, r)`);
    return signal;
  });
}

/** The state that a policy gives a window: the circuit's part 4. */
export function healthState(readings: readonly bigint[], { warnLo, warnHi, critLo, critHi, kWarn, kCrit }: TelemetryPolicy): bigint {
  const outside = (lo: bigint, hi: bigint) => BigInt(readings.filter((reading) => reading < lo || reading > hi).length);
  if (outside(critLo, critHi) >= kCrit) return STATE.CRITICAL;
  return outside(warnLo, warnHi) >= kWarn ? STATE.WARNING : STATE.OK;
}

/**
 * Reference of the telemetry statement (circuits/telemetry.circom, part by part): what a proof over these inputs would show.
 * It also asks that the key is of prime order, which is the registrar's duty and not the circuit's.
 * @throws AtsError ATS_STATEMENT_UNSATISFIED naming the rule that does not hold.
 */
export function evaluateTelemetry(input: TelemetryInput): TelemetryPublics {
  const { scope, stream, epoch, policyFamily, messageHash, secret, salt, siblings, pathIndices, readings } = input;
  const { warnLo, warnHi, critLo, critHi, kWarn, kCrit } = input;

  for (const [name, value] of Object.entries({ scope, stream, epoch, policyFamily, messageHash, secret, salt })) within(name, value, FIELD_MODULUS);
  rule(readings.length === WINDOW_READINGS, 'window', `${readings.length} readings; ${WINDOW_READINGS} are expected`);
  rule(siblings.length === TREE_DEPTH && pathIndices.length === TREE_DEPTH, 'membership', `the path does not have ${TREE_DEPTH} levels`);
  siblings.forEach((sibling, level) => { within(`siblings[${level}]`, sibling, FIELD_MODULUS); });
  pathIndices.forEach((bit, level) => { rule(bit === 0 || bit === 1, 'membership', `pathIndices[${level}] = ${bit} is not a bit`); });
  readings.forEach((reading, i) => { within(`readings[${i}]`, reading, READING_LIMIT); });
  for (const [name, bound] of Object.entries({ warnLo, warnHi, critLo, critHi })) within(name, bound, READING_LIMIT);
  for (const [name, count] of Object.entries({ kWarn, kCrit })) within(name, count, COUNT_LIMIT);

  const kind = KIND.telemetry;
  const leaf = leafHash({ kind, Ax: input.Ax, Ay: input.Ay, secretHash: secretHash(secret), program: policyFamily });
  const digest = readingsDigest({ kind, stream, epoch, values: readings });
  rule(verifyDigest(input, digest, input), 'window', 'the signature does not hold for this key, stream, epoch and readings');

  return {
    root: rootOfPath(leaf, { siblings: [...siblings], pathIndices: [...pathIndices] }),
    pseudonym: pseudonymOf(secret, scope),
    nullifier: nullifierOf({ secret, scope, kind, stream, epoch }),
    commitment: commitmentOf(digest, salt),
    state: healthState(readings, input),
    scope, stream, epoch, policyFamily, warnLo, warnHi, critLo, critHi, kWarn, kCrit, messageHash,
  };
}

function rule(holds: boolean, name: string, why: string): asserts holds {
  if (!holds) throw new AtsError('ATS_STATEMENT_UNSATISFIED', `${name}: ${why}`);
}

function within(name: string, value: bigint, limit: bigint): void {
  rule(value >= 0n && value < limit, 'range', `${name} = ${value} is not in [0, ${limit})`);
}
