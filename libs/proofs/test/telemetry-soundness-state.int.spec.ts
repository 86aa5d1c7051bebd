import { FIELD_MODULUS } from '#libs/events';
import { evaluateTelemetry, type TelemetryInput } from '../src/index.js';
import { brokenConstraints, constraintsByWire } from './r1cs.fixture.js';
import { calmReadings, Household, POLICY } from './telemetry-case.fixture.js';
import { telemetryProver, type TelemetryProver } from './telemetry-prover.fixture.js';

const { warnLo, warnHi, critLo, critHi, kWarn, kCrit } = POLICY;
const [OK, WARNING, CRITICAL] = [0n, 1n, 2n];
const household = new Household();
let prover: TelemetryProver;
let byWire: Set<number>[];

beforeAll(async () => {
  prover = await telemetryProver();
  byWire = constraintsByWire(prover.r1cs);
}, 600_000);

/**
 * One comparison of the statement: circomlib's LessThan, whose bits are hints. The highest bit is 1 - out; the one below it the compiler has solved
 * for, by sum of bits = difference of the operands: the constraint that holds that bit to 0 and 1 is the one that holds bits, out and operands together.
 */
interface Comparison { bits: string[]; out: string; width: bigint; binding: string[] }

type Level = 'warn' | 'crit';
type Side = 'notBelow' | 'notAbove';

function withBound(level: Level, side: Side, at: number): Comparison {
  const comparator = `${counter(level)}.${side}[${at}]`;
  const [bits, out] = [bitsOf(`${comparator}.lt.n2b`, 31), `${comparator}.out`];
  return { bits, out, width: 32n, binding: [...bits, out, `readings[${at}]`, `${level}${side === 'notBelow' ? 'Lo' : 'Hi'}`].toSorted() };
}

function threshold(level: Level): Comparison {
  const bits = bitsOf(`${component(level, 'GreaterEqThan')}.lt.n2b`, 4);
  return { bits, out: level, width: 5n, binding: [...bits, level, `${level}Count`, level === 'warn' ? 'kWarn' : 'kCrit'].toSorted() };
}

/** Anonymous components are called by template, line and place; the one for warn stands before the one for crit. */
function component(level: Level, template: string): string {
  const names = new Set([...prover.wires.keys()].filter((name) => name.startsWith(template)).map((name) => name.split('.')[0]!));
  expect(names.size).toBe(2);
  return [...names].toSorted()[level === 'warn' ? 0 : 1]!;
}

const counter = (level: Level): string => component(level, 'CountOutside');

function bitsOf(num2Bits: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${num2Bits}.out[${i}]`);
}

/** What follows from the comparisons with the bounds, in order. */
const INSIDE = /\.inside\[\d+\]$/;
const COUNTS = /^(warn|crit)Count$/;
const THRESHOLDS = /^GreaterEqThan|^(warn|crit)$/;
const STATE = /^state$/;

/** A witness with the signals that are named, or that fit a pattern, from another. */
function graft(onto: readonly bigint[], from: readonly bigint[], ...signals: (string | RegExp)[]): bigint[] {
  const witness = [...onto];
  for (const [name, wire] of prover.wires) {
    if (signals.some((signal) => (typeof signal === 'string' ? signal === name : signal.test(name)))) witness[wire] = from[wire]!;
  }
  return witness;
}

const signal = (witness: readonly bigint[], name: string): bigint => witness[prover.wires.get(name)!]!;

/** All signals of each constraint that a witness breaks. */
function refusals(witness: readonly bigint[], among?: Iterable<number>): string[][] {
  return brokenConstraints(prover.r1cs, witness, among).map((constraint) => prover.signalsOf(constraint).filter((name) => name !== '1').toSorted());
}

/** The window as signed, and the one whose evaluation the prover puts in its place: they differ in one comparison with a bound, or in one threshold. */
interface Lie { from: bigint; to: bigint; input: TelemetryInput; lied: TelemetryInput }
type BoundLie = Lie & { level: Level; side: Side; at: number };
type ThresholdLie = Lie & { level: Level };

function readingsOf(...first: bigint[]): bigint[] {
  return [...first, ...calmReadings().slice(first.length)];
}

/** A reading at a bound, passed off as its neighbour across the bound, among others that bring the count to its threshold or one short of it. */
function boundLies(): [name: string, lie: BoundLie][] {
  const bounds = [
    ['warn', 'notBelow', warnLo, warnLo - 1n], ['warn', 'notAbove', warnHi, warnHi + 1n], ['crit', 'notBelow', critLo, critLo - 1n], ['crit', 'notAbove', critHi, critHi + 1n],
  ] as const;
  const companies = {
    warn: [{ others: [warnHi + 1n, warnLo - 1n], without: OK, withIt: WARNING }],
    crit: [{ others: [critHi + 1n], without: OK, withIt: CRITICAL }, { others: [critLo - 1n, warnHi + 1n], without: WARNING, withIt: CRITICAL }],
  };
  // The first and the last reading: the compiler has solved for the last product of the count.
  return [0, 15].flatMap((at) => bounds.flatMap(([level, side, inside, outside]) => companies[level].flatMap(({ others, without, withIt }) => {
    const moves = [[inside, outside, without, withIt], [outside, inside, withIt, without]] as const;
    return moves.map(([truth, claim, from, to]): [string, BoundLie] => {
      const input = household.input({ readings: readingsOf(calmReadings()[0]!, ...others).with(at, truth) });
      return [`${level} ${side}[${at}]: ${named(from)} as ${named(to)}`, { level, side, at, from, to, input, lied: { ...input, readings: input.readings.with(at, claim) } }];
    });
  })));
}

/** A count that meets its threshold, or is one short of it, passed off as the opposite. */
function thresholdLies(): [name: string, lie: ThresholdLie][] {
  const [warning, critical] = [warnHi + 1n, critHi + 1n];
  const rows: [Level, from: bigint, to: bigint, readings: bigint[], lie: Partial<TelemetryInput>][] = [
    ['warn', OK, WARNING, [warning, warning], { kWarn: kWarn - 1n }],
    ['warn', WARNING, OK, [warning, warning, warning], { kWarn: kWarn + 1n }],
    ['crit', OK, CRITICAL, [critical], { kCrit: kCrit - 1n }],
    ['crit', CRITICAL, OK, [critical, critical], { kCrit: kCrit + 1n }],
    ['crit', WARNING, CRITICAL, [critical, warning, warning], { kCrit: kCrit - 1n }],
    ['crit', CRITICAL, WARNING, [critical, critical, warning], { kCrit: kCrit + 1n }],
  ];
  return rows.map(([level, from, to, readings, lie]) => {
    const input = household.input({ readings: readingsOf(...readings) });
    return [`${level} threshold: ${named(from)} as ${named(to)}`, { level, from, to, input, lied: { ...input, ...lie } }];
  });
}

const named = (state: bigint): string => ['OK', 'WARNING', 'CRITICAL'][Number(state)]!;

/** Forges the bits and the result of one comparison, in three ways, and all that follows from the result. */
async function expectRefusedByItself({ from, to, input, lied }: Lie, { bits, out, width, binding }: Comparison): Promise<void> {
  const [honest, other] = [await prover.honest(input), await prover.forge(lied)];
  expect(signal(honest, 'state')).toBe(from);
  expect(refusals(honest)).toEqual([]);

  // The bits of the other comparison, which are bits, but add up to the other difference.
  const forged = graft(honest, other, ...bits, out, INSIDE, COUNTS, THRESHOLDS, STATE);
  expect(signal(forged, 'state')).toBe(to);
  expect(signal(forged, out)).toBe(1n - signal(honest, out));
  expect(refusals(forged)).toEqual([binding]);

  // The true bits and the other result.
  const result = graft(forged, honest, ...bits);
  const broken = prover.broken(result);
  expect(refusals(result, broken)).toEqual([binding]);

  // Bits that add up to the true difference with the other result: one of them makes good for the highest, and is no bit.
  for (const [place, bit] of bits.entries()) {
    const wire = prover.wires.get(bit)!;
    const missing = (signal(forged, out) - signal(honest, out)) * 2n ** (width - BigInt(place));
    const balanced = result.with(wire, (signal(honest, bit) + missing + FIELD_MODULUS) % FIELD_MODULUS);
    expect(refusals(balanced, new Set([...broken, ...byWire[wire]!]))).toEqual([[bit]]);
  }
}

describe('a comparison forged with all that follows from it', () => {
  it.each(boundLies())('%s, is refused by its own constraints alone', (_, lie) => expectRefusedByItself(lie, withBound(lie.level, lie.side, lie.at)));
  it.each(thresholdLies())('%s, is refused by its own constraints alone', (_, lie) => expectRefusedByItself(lie, threshold(lie.level)));

  it('takes two, each refused by its own constraint, to call a window OK that both bands call bad', async () => {
    const input = household.input({ readings: readingsOf(critHi + 1n, critHi + 1n, warnHi + 1n) });
    const forged = graft(await prover.honest(input), await prover.forge({ ...input, kWarn: kWarn + 1n, kCrit: kCrit + 1n }), THRESHOLDS, STATE);
    expect([evaluateTelemetry(input).state, signal(forged, 'state')]).toEqual([CRITICAL, OK]);
    expect(refusals(forged)).toEqual([threshold('warn').binding, threshold('crit').binding]);
  });
});

describe('a lie that begins behind the comparisons', () => {
  it.each(boundLies())('%s, is refused by the constraint of the step at which it begins', async (_, { level, at, input, lied }) => {
    const [honest, other] = [await prover.honest(input), await prover.forge(lied)];
    const outs = [`${counter(level)}.notBelow[${at}].out`, `${counter(level)}.notAbove[${at}].out`];
    const inside = (place: number) => `${counter(level)}.inside[${place}]`;
    // Solved for inside[15], by sum of inside = 16 - count: the product of the last reading is what holds the count.
    const count = [...outs.map((name) => name.replace(`[${at}]`, '[15]')), `${level}Count`, ...Array.from({ length: 15 }, (__, place) => inside(place))].toSorted();

    expect(refusals(graft(honest, other, INSIDE, COUNTS, THRESHOLDS, STATE))).toEqual([at === 15 ? count : [...outs, inside(at)].toSorted()]);
    expect(refusals(graft(honest, other, COUNTS, THRESHOLDS, STATE))).toEqual([count]);
    expect(refusals(graft(honest, other, THRESHOLDS, STATE))).toEqual([threshold(level).binding]);
    expect(refusals(graft(honest, other, STATE))).toEqual([['crit', 'state', 'warn']]);
  });

  const windows: [name: string, readings: bigint[], state: bigint][] = [
    ['OK', calmReadings(), OK], ['WARNING', readingsOf(warnHi + 1n, warnHi + 1n, warnHi + 1n), WARNING], ['CRITICAL', readingsOf(critHi + 1n, critHi + 1n), CRITICAL],
  ];
  it.each(windows)('at the state of a window that is %s, is refused by the constraint of the state', async (_, readings, state) => {
    const input = household.input({ readings });
    expect(evaluateTelemetry(input).state).toBe(state);
    for (const claim of [0n, 1n, 2n, 3n, FIELD_MODULUS - 1n].filter((other) => other !== state)) {
      expect(refusals(await prover.forge(input, { state: claim }))).toEqual([['crit', 'state', 'warn']]);
    }
  });
});

const LAX: Partial<TelemetryInput>[] = [{ critHi: 5000n }, { critLo: 0n }, { warnHi: 5000n }, { warnLo: 0n }, { kCrit: 16n }, { kWarn: 16n }];

it.each(LAX)('bounds and counts are the public ones: %o is refused where it is used', async (lax) => {
  const input = household.input({ readings: readingsOf(critHi + 1n, critHi + 1n, warnHi + 1n, critLo - 1n) });
  const [name] = Object.keys(lax) as [keyof typeof POLICY];
  const found = refusals(await prover.forge({ ...input, ...lax }, { [name]: POLICY[name] }));
  expect(found).not.toEqual([]);
  expect(found.filter((names) => !names.includes(name))).toEqual([]);
});
