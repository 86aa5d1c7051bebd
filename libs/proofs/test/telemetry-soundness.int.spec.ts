import { addPoint, Base8, mulPointEscalar } from '@zk-kit/baby-jubjub';
import { FIELD_MODULUS, fieldFromText } from '#libs/events';
import {
  evaluateTelemetry, hashFields, leafHash, MerkleTree, secretHash, SUBGROUP_ORDER, KIND, type TelemetryInput, type TelemetryPublics,
} from '../src/index.js';
import { constraintsByWire, brokenConstraints } from './r1cs.fixture.js';
import { calmReadings, Household, randomField } from './telemetry-case.fixture.js';
import { telemetryProver, type TelemetryProver } from './telemetry-prover.fixture.js';

let prover: TelemetryProver;
const household = new Household();

beforeAll(async () => { prover = await telemetryProver(); }, 600_000);

/** What a verifier would find wrong with a proof for this witness: the signals of each constraint that it breaks. */
async function objections(input: TelemetryInput, claims: Partial<TelemetryPublics> = {}): Promise<string[]> {
  return prover.broken(await prover.forge(input, claims)).map((constraint) => prover.signalsOf(constraint).filter((name) => name !== '1').join(' '));
}

/** A constraint, told by signals that it mentions together. */
type Rule = readonly string[];
/** The two coordinates of S * B8 = R8 + h * 8A. */
const SIGNATURE_EQUATION: Rule[] = [['signature.addRight.xout', 'signature.mulFix.adders[0].tau'], ['signature.addRight.yout', 'signature.mulFix.adders[0].tau']];
/** The last round of the hash whose result is public. */
const hashOf = (output: 'root' | 'commitment' | 'pseudonym' | 'nullifier'): Rule => [output, 'sigmaF[7]'];
const rangeOf = (name: string): Rule => [name, 'Unsigned'];

/** Every rule is broken by one constraint, and no other constraint is. */
function expectRefusedBy(found: readonly string[], ...rules: Rule[]): void {
  const broken = found.map((names) => rules.findIndex((rule) => rule.every((part) => ` ${names} `.includes(part))));
  expect([broken.toSorted((a, b) => a - b), found.length]).toEqual([[...rules.keys()], rules.length]);
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

describe('signed window', () => {
  it('refuses a reading changed after signing', async () => {
    const input = household.input();
    for (const at of [0, 10, 11, 15]) {
      expectRefusedBy(await objections({ ...input, readings: input.readings.with(at, input.readings[at]! + 1n) }), ...SIGNATURE_EQUATION);
    }
  });

  it('refuses another epoch and another stream than were signed, which would be fresh nullifiers', async () => {
    const input = household.input();
    expectRefusedBy(await objections({ ...input, epoch: input.epoch + 1n }), ...SIGNATURE_EQUATION);
    expectRefusedBy(await objections({ ...input, stream: fieldFromText('open-files') }), ...SIGNATURE_EQUATION);
  });

  it('refuses the signature of another key', async () => {
    const { R8x, R8y, S } = new Household().input({ readings: calmReadings() });
    expectRefusedBy(await objections({ ...household.input(), R8x, R8y, S }), ...SIGNATURE_EQUATION);
  });

  it('refuses another commitment than that of the signed readings', async () => {
    expectRefusedBy(await objections(household.input(), { commitment: randomField() }), hashOf('commitment'));
  });

  it('refuses the alias S + l of a signature, by its range alone', async () => {
    const input = household.input();
    expectRefusedBy(await objections({ ...input, S: input.S + SUBGROUP_ORDER }), ['signature.compConstant']);
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
      expectRefusedBy(await objections({ ...household.input(), Ax, Ay, R8x, R8y, S }), ['signature.isZero']);
    }
  });

  it('refuses keys and nonces off the curve', async () => {
    const input = household.input();
    // y^2 + a x^2 = 1 + d x^2 y^2 is the one constraint over the squares of both coordinates.
    const curve: Rule = ['BabyCheck', '.x2 ', '.y2 '];
    expectRefusedBy(await objections({ ...input, R8x: input.R8x + 1n }), curve, ...SIGNATURE_EQUATION);
    expectRefusedBy(await objections({ ...input, Ay: input.Ay + 1n }), curve, ...SIGNATURE_EQUATION);
  });

  it('refuses a nonce outside the prime subgroup', async () => {
    const input = household.input();
    const [R8x, R8y] = addPoint([input.R8x, input.R8y], [0n, FIELD_MODULUS - 1n]);
    expectRefusedBy(await objections({ ...input, R8x, R8y }), ...SIGNATURE_EQUATION);
  });
});

describe('membership', () => {
  it('refuses a key, a secret and a policy family that are not the leaf\'s', async () => {
    const { root } = household.tree;
    const input = household.input();
    const stranger = new Household();
    const { Ax, Ay, R8x, R8y, S } = stranger.input({ readings: input.readings });
    expectRefusedBy(await objections({ ...input, Ax, Ay, R8x, R8y, S }, { root }), hashOf('root'));
    expectRefusedBy(await objections({ ...input, secret: stranger.secret }, { root }), hashOf('root'));
    expectRefusedBy(await objections({ ...input, policyFamily: fieldFromText('lax') }, { root }), hashOf('root'));
  });

  it('refuses a non-member, in the tree\'s free places too', async () => {
    const stranger = new Household(0);
    for (const index of [household.index, 0]) {
      expectRefusedBy(await objections({ ...stranger.input(), ...household.tree.path(index) }, { root: household.tree.root }), hashOf('root'));
    }
    const empty = new MerkleTree();
    empty.append(0n);
    expectRefusedBy(await objections({ ...stranger.input(), ...empty.path(0) }, { root: empty.root }), hashOf('root'));
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
    expectRefusedBy(await objections({ ...household.input(), ...short }, { root: household.tree.root }), hashOf('root'));
  });
});

describe('household', () => {
  it('refuses another pseudonym or nullifier than the leaf\'s secret gives', async () => {
    const input = household.input();
    const honest = evaluateTelemetry(input);
    expectRefusedBy(await objections(input, { pseudonym: randomField() }), hashOf('pseudonym'));
    expectRefusedBy(await objections(input, { nullifier: randomField() }), hashOf('nullifier'));
    // The nullifier of the next epoch, and of an untagged hash.
    expectRefusedBy(await objections(input, { nullifier: evaluateTelemetry(household.input({ epoch: input.epoch + 1n })).nullifier }), hashOf('nullifier'));
    expectRefusedBy(await objections(input, { nullifier: hashFields(input.secret, input.scope) }), hashOf('nullifier'));
    // Pseudonym and nullifier of another scope: the first round of both hashes takes in the public one, in two constraints each.
    const { scope } = honest;
    const found = await objections({ ...input, scope: scope + 1n }, { scope });
    expect(found.filter((names) => !names.split(' ').includes('scope'))).toEqual([]);
    expect(found.map((names) => /(Pseudonym|Nullifier)\S*sigmaF\[0\]/.exec(names)?.[1] ?? names).toSorted()).toEqual(['Nullifier', 'Nullifier', 'Pseudonym', 'Pseudonym']);
  });
});

describe('comparators', () => {
  // A sensor that signs such a number is broken, not forged: these constraints alone stand between it and a wrong state.
  it.each([
    ['2^32', 2n ** 32n], ['2^33 + 500, which looks calm modulo 2^33', 2n ** 33n + 500n], ['-1', FIELD_MODULUS - 1n], ['-2^32', FIELD_MODULUS - 2n ** 32n],
  ])('refuse a reading of %s', async (_, reading) => {
    const found = await objections(household.input({ readings: calmReadings().with(7, reading) }));
    expectRefusedBy(found.filter((names) => names.includes('Unsigned')), rangeOf('readings[7]'));
    expect(found.filter((names) => !names.includes('readings[7]'))).toEqual([]);
  });

  it('refuse a reading of 2^32 by its range alone', async () => {
    expectRefusedBy(await objections(household.input({ readings: calmReadings().with(7, 2n ** 32n) })), rangeOf('readings[7]'));
  });

  it.each(['warnLo', 'warnHi', 'critLo', 'critHi', 'kWarn', 'kCrit'] as const)('refuse a %s beyond its range', async (name) => {
    const input = household.input();
    const limit = name.startsWith('k') ? 32n : 2n ** 32n;
    for (const value of [limit, 2n * limit, 4n * limit, FIELD_MODULUS - 1n]) {
      const found = await objections({ ...input, [name]: value });
      expectRefusedBy(found.filter((names) => names.includes('Unsigned')), rangeOf(name));
      // Beyond the comparators' own width, they refuse it too.
      expect(found.filter((names) => !names.split(' ').includes(name))).toEqual([]);
    }
  });
});

it('binds the message: the proof of one message hash is none of another', async () => {
  const input = household.input();
  expectRefusedBy(await objections(input, { messageHash: input.messageHash - 1n }), ['messageHash', 'messageHashSquared']);
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
