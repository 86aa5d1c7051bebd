import { addPoint, Base8, mulPointEscalar } from '@zk-kit/baby-jubjub';
import { FIELD_MODULUS, fieldFromText } from '#libs/events';
import {
  evaluateTelemetry, hashFields, leafHash, MerkleTree, secretHash, SUBGROUP_ORDER, KIND, type TelemetryInput, type TelemetryPublics,
} from '../src/index.js';
import { constraintsByWire, brokenConstraints } from './r1cs.fixture.js';
import { calmReadings, Household, POLICY, randomField } from './telemetry-case.fixture.js';
import { telemetryProver, type TelemetryProver } from './telemetry-prover.fixture.js';

let prover: TelemetryProver;
const household = new Household();

beforeAll(async () => { prover = await telemetryProver(); }, 600_000);

/** What a verifier would find wrong with a proof for this witness: the signals of each constraint that it breaks. */
async function objections(input: TelemetryInput, claims: Partial<TelemetryPublics> = {}): Promise<string[]> {
  return prover.broken(await prover.forge(input, claims)).map((constraint) => prover.signalsOf(constraint).filter((name) => name !== '1').join(' '));
}

it('accepts the same witness from the unchecked prover when the input is honest', async () => {
  const input = household.input();
  expect(await objections(input, evaluateTelemetry(input))).toEqual([]);
});

it('leaves no wire free that anything depends on: one more on it breaks a constraint', async () => {
  const witness = await prover.honest(household.input());
  const byWire = constraintsByWire(prover.r1cs);
  const names = new Map([...prover.wires].map(([name, wire]) => [wire, name]));
  const free: string[] = [];
  for (let wire = 0; wire < prover.r1cs.wires; wire++) {
    const changed = witness[wire]!;
    witness[wire] = (changed + 1n) % FIELD_MODULUS;
    if (brokenConstraints(prover.r1cs, witness, byWire[wire]).length === 0) free.push(`${names.get(wire)}, in ${byWire[wire]!.size} constraints`);
    witness[wire] = changed;
  }
  // The comparison of two points is always enabled, so the compiler has made it a plain equality; what is left of IsZero stands in no constraint.
  expect(free.map((wire) => wire.replace(/^.*\.signature\./, ''))).toEqual(['eqCheckX.isz.inv, in 0 constraints', 'eqCheckY.isz.inv, in 0 constraints']);
}, 300_000);

describe('state', () => {
  const windows: [name: string, readings: bigint[], state: bigint][] = [
    ['OK', calmReadings(), 0n], ['WARNING', calmReadings().fill(POLICY.warnHi + 1n, 0, 3), 1n], ['CRITICAL', calmReadings().fill(POLICY.critHi + 1n, 0, 2), 2n],
  ];
  it.each(windows)('of a window that is %s cannot be claimed to be another', async (_, readings, state) => {
    const input = household.input({ readings });
    expect(evaluateTelemetry(input).state).toBe(state);
    for (const claim of [0n, 1n, 2n, 3n, FIELD_MODULUS - 1n].filter((other) => other !== state)) {
      expect(await objections(input, { state: claim })).not.toEqual([]);
    }
  });

  it('cannot be softened by bounds or counts other than the public ones', async () => {
    const input = household.input({ readings: windows[2]![1] });
    const strict = evaluateTelemetry(input);
    for (const lax of [{ critHi: 5000n }, { critLo: 0n }, { warnHi: 5000n }, { warnLo: 0n }, { kCrit: 16n }, { kWarn: 16n }]) {
      expect(await objections({ ...input, ...lax }, strict)).not.toEqual([]);
    }
  });
});

describe('signed window', () => {
  it('refuses a reading changed after signing', async () => {
    const input = household.input();
    for (const at of [0, 10, 11, 15]) {
      expect(await objections({ ...input, readings: input.readings.with(at, input.readings[at]! + 1n) })).not.toEqual([]);
    }
  });

  it('refuses another epoch and another stream than were signed, which would be fresh nullifiers', async () => {
    const input = household.input();
    expect(await objections({ ...input, epoch: input.epoch + 1n })).not.toEqual([]);
    expect(await objections({ ...input, stream: fieldFromText('open-files') })).not.toEqual([]);
  });

  it('refuses the signature of another key', async () => {
    const { R8x, R8y, S } = new Household().input({ readings: calmReadings() });
    expect(await objections({ ...household.input(), R8x, R8y, S })).not.toEqual([]);
  });

  it('refuses another commitment than that of the signed readings', async () => {
    expect(await objections(household.input(), { commitment: randomField() })).not.toEqual([]);
  });

  it('refuses the alias S + l of a signature, by its range alone', async () => {
    const input = household.input();
    const found = await objections({ ...input, S: input.S + SUBGROUP_ORDER });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain('signature.compConstant');
  });

  it('refuses the alias h + r of the challenge', async () => {
    const { witness, bits } = await challengeBelow(2n ** 254n - FIELD_MODULUS);
    const alias = bits.reduce((sum, wire, i) => sum + (witness[wire]! << BigInt(i)), FIELD_MODULUS);
    bits.forEach((wire, i) => { witness[wire] = (alias >> BigInt(i)) & 1n; });
    const found = prover.broken(witness).map((constraint) => prover.signalsOf(constraint));
    // The bits still add up to the challenge (mod r), so what refuses them is the comparison with r.
    expect(found.some((names) => names.some((name) => name.includes('aliasCheck')))).toBe(true);
  });

  it('refuses a key of low order, for which anybody can sign', async () => {
    const S = randomField() % SUBGROUP_ORDER;
    for (const [Ax, Ay] of [[0n, 1n], [0n, FIELD_MODULUS - 1n]] as const) {
      const [R8x, R8y] = mulPointEscalar(Base8, S);
      const found = await objections({ ...household.input(), Ax, Ay, R8x, R8y, S });
      expect(found).toHaveLength(1);
      expect(found[0]).toContain('signature.isZero');
    }
  });

  it('refuses keys and nonces off the curve', async () => {
    const input = household.input();
    // y^2 + a x^2 = 1 + d x^2 y^2 is the one constraint over the squares of both coordinates.
    const curve = /BabyCheck\S*\.x2 \S*BabyCheck\S*\.y2/;
    expect((await objections({ ...input, R8x: input.R8x + 1n })).filter((names) => curve.test(names))).toHaveLength(1);
    expect((await objections({ ...input, Ay: input.Ay + 1n })).filter((names) => curve.test(names))).toHaveLength(1);
  });

  it('refuses a nonce outside the prime subgroup', async () => {
    const input = household.input();
    const [R8x, R8y] = addPoint([input.R8x, input.R8y], [0n, FIELD_MODULUS - 1n]);
    expect(await objections({ ...input, R8x, R8y })).not.toEqual([]);
  });
});

describe('membership', () => {
  it('refuses a key, a secret and a policy family that are not the leaf\'s', async () => {
    const { root } = household.tree;
    const input = household.input();
    const stranger = new Household();
    const { Ax, Ay, R8x, R8y, S } = stranger.input({ readings: calmReadings() });
    expect(await objections({ ...input, Ax, Ay, R8x, R8y, S }, { root })).not.toEqual([]);
    expect(await objections({ ...input, secret: stranger.secret }, { root })).not.toEqual([]);
    const lax = await objections({ ...input, policyFamily: fieldFromText('lax') }, { root });
    expect(lax).not.toEqual([]);
  });

  it('refuses a non-member, in the tree\'s free places too', async () => {
    const stranger = new Household(0);
    for (const index of [household.index, 0]) {
      expect(await objections({ ...stranger.input(), ...household.tree.path(index) }, { root: household.tree.root })).not.toEqual([]);
    }
    const empty = new MerkleTree();
    empty.append(0n);
    expect(await objections({ ...stranger.input(), ...empty.path(0) }, { root: empty.root })).not.toEqual([]);
  });

  it('refuses a path bit of 2, by the bit\'s own constraint alone', async () => {
    const input = household.input();
    const found = await objections({ ...input, pathIndices: input.pathIndices.with(3, 2) });
    expect(found).toEqual(['pathIndices[3]']);
  });

  it('refuses the path "bit" with which a non-member would mix itself into a real pair', async () => {
    // left = node + b (sibling - node) and left + right = node + sibling have a solution for any node, if b need not be a bit.
    const stranger = new Household(0).input();
    const node = leafHash({ kind: KIND.telemetry, ...stranger, secretHash: secretHash(stranger.secret), program: stranger.policyFamily });
    const { siblings, pathIndices } = household.tree.path(0);
    const left = household.tree.leaf(0);
    const sibling = modulo(left + siblings[0]! - node);
    const bit = modulo((left - node) * inverse(modulo(sibling - node)));
    const input = { ...stranger, siblings: siblings.with(0, sibling), pathIndices: [bit, ...pathIndices.slice(1).map(BigInt)] as unknown as number[] };
    expect(await objections(input, { root: household.tree.root })).toEqual(['pathIndices[0]']);
  });

  it('refuses an inner node as a leaf: the path would be a level short', async () => {
    const { siblings, pathIndices } = household.tree.path(household.index);
    const short = { siblings: [...siblings.slice(1), 0n], pathIndices: [...pathIndices.slice(1), 0] };
    expect(await objections({ ...household.input(), ...short }, { root: household.tree.root })).not.toEqual([]);
  });
});

describe('household', () => {
  it('refuses another pseudonym or nullifier than the leaf\'s secret gives', async () => {
    const input = household.input();
    const honest = evaluateTelemetry(input);
    expect(await objections(input, { pseudonym: randomField() })).not.toEqual([]);
    expect(await objections(input, { nullifier: randomField() })).not.toEqual([]);
    // The nullifier of the next epoch, and of an untagged hash.
    expect(await objections(input, { nullifier: evaluateTelemetry(household.input({ epoch: input.epoch + 1n })).nullifier })).not.toEqual([]);
    expect(await objections(input, { nullifier: hashFields(input.secret, input.scope) })).not.toEqual([]);
    expect(await objections({ ...input, scope: input.scope + 1n }, { scope: honest.scope })).not.toEqual([]);
  });
});

describe('comparators', () => {
  // A sensor that signs such a number is broken, not forged: these constraints alone stand between it and a wrong state.
  it.each([
    ['2^32', 2n ** 32n], ['2^33 + 500, which looks calm modulo 2^33', 2n ** 33n + 500n], ['-1', FIELD_MODULUS - 1n], ['-2^32', FIELD_MODULUS - 2n ** 32n],
  ])('refuse a reading of %s', async (_, reading) => {
    const found = await objections(household.input({ readings: calmReadings().with(7, reading) }));
    expect(found.some((names) => names.includes('readings[7]'))).toBe(true);
  });

  it('refuse a reading of 2^32 by its range alone', async () => {
    const found = await objections(household.input({ readings: calmReadings().with(7, 2n ** 32n) }));
    expect(found).toHaveLength(1);
  });

  it.each(['warnLo', 'warnHi', 'critLo', 'critHi', 'kWarn', 'kCrit'] as const)('refuse a %s beyond its range', async (name) => {
    const input = household.input();
    const limit = name.startsWith('k') ? 32n : 2n ** 32n;
    for (const value of [limit, 2n * limit, 4n * limit, FIELD_MODULUS - 1n]) expect(await objections({ ...input, [name]: value })).not.toEqual([]);
  });
});

it('binds the message: the proof of one message hash is none of another', async () => {
  const input = household.input();
  expect(await objections(input, { messageHash: input.messageHash - 1n })).not.toEqual([]);
});

it('binds every public signal: none can be exchanged alone', async () => {
  const input = household.input();
  for (const [name, value] of Object.entries(evaluateTelemetry(input))) {
    expect([name, await objections(input, { [name]: (value + 1n) % FIELD_MODULUS })]).not.toEqual([name, []]);
  }
});

/** A witness whose challenge is below a limit, with the wires of the challenge's bits, lowest first. */
async function challengeBelow(limit: bigint): Promise<{ witness: bigint[]; bits: number[] }> {
  const bits = Array.from({ length: 254 }, (_, i) => {
    const [, wire] = [...prover.wires].find(([name]) => name.endsWith(`.signature.h2bits.out[${i}]`) || name.endsWith(`.signature.h2bits.num2Bits.out[${i}]`))!;
    return wire;
  });
  for (let epoch = 1n; ; epoch++) {
    const witness = await prover.forge(household.input({ epoch }));
    const challenge = bits.reduce((sum, wire, i) => sum + (witness[wire]! << BigInt(i)), 0n);
    if (challenge < limit) return { witness, bits };
  }
}

function modulo(value: bigint): bigint {
  return ((value % FIELD_MODULUS) + FIELD_MODULUS) % FIELD_MODULUS;
}

/** By Fermat: value^(r - 2). */
function inverse(value: bigint): bigint {
  let result = 1n;
  for (let base = value, e = FIELD_MODULUS - 2n; e > 0n; e >>= 1n, base = (base * base) % FIELD_MODULUS) if (e & 1n) result = (result * base) % FIELD_MODULUS;
  return result;
}
