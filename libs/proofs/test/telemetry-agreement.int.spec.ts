import { randomBytes, randomInt } from 'node:crypto';
import { isAtsError } from '#libs/errors';
import { FIELD_MODULUS } from '#libs/events';
import {
  evaluateTelemetry, KIND, leafHash, MerkleTree, readingsDigest, secretHash, sensorPublicKey, signDigest, STATE, TELEMETRY_SIGNALS,
  telemetryPublicSignals, type TelemetryInput, type TelemetryPolicy,
} from '../src/index.js';
import { calmReadings, Household, POLICY, randomField } from './telemetry-case.fixture.js';
import { publicSignals, telemetryProver, type TelemetryProver } from './telemetry-prover.fixture.js';

const MAX_READING = 2n ** 32n - 1n;
const NEGATIVE = FIELD_MODULUS - 1n;
let prover: TelemetryProver;
const household = new Household();
const other = new Household(9);

beforeAll(async () => { prover = await telemetryProver(); }, 600_000);

interface Outcome { signals: bigint[]; witness: bigint[]; differences: { signal: string; circuit: bigint; reference: bigint; input: TelemetryInput }[] }

/** What the committed witness calculator and the reference make of one input. */
async function outcome(input: TelemetryInput): Promise<Outcome> {
  const witness = await prover.honest(input);
  const reference = telemetryPublicSignals(evaluateTelemetry(input));
  const signals = publicSignals(witness);
  const differences = TELEMETRY_SIGNALS.map((signal, i) => ({ signal, circuit: signals[i]!, reference: reference[i]!, input })).filter(({ circuit, reference: other }) => circuit !== other);
  return { signals, witness, differences };
}

async function differences(...inputs: TelemetryInput[]): Promise<Outcome['differences']> {
  const found: Outcome['differences'] = [];
  for (const input of inputs) found.push(...(await outcome(input)).differences);
  return found;
}

/** The rule that the reference names, and whether the constraints refuse what a prover without checks makes of the input. */
async function refusal(input: TelemetryInput): Promise<{ rule: string | undefined; refused: boolean }> {
  const refused = prover.broken(await prover.forge(input)).length > 0;
  try {
    evaluateTelemetry(input);
    return { rule: undefined, refused };
  } catch (error) {
    if (!isAtsError(error, 'ATS_STATEMENT_UNSATISFIED')) throw error;
    return { rule: /^(?:window|range: [^ ]+|membership)/.exec(error.why)?.[0], refused };
  }
}

describe('the circuit agrees with its reference', () => {
  it('in 200 random cases', async () => {
    const seen = new Set<bigint>();
    for (let window = 0; window < 40; window++) {
      const home = window % 2 === 0 ? household : other;
      const near = randomPolicy();
      const signed = home.input({ stream: randomField(), epoch: BigInt(randomInt(2 ** 40)), readings: randomReadings(near) });
      for (let i = 0; i < 5; i++) {
        const policy = i === 0 ? near : randomPolicy();
        const { differences: found, signals, witness } = await outcome({ ...signed, ...policy, scope: randomField(), messageHash: randomField() >> 1n, salt: randomField() });
        expect(found).toEqual([]);
        seen.add(signals[4]!);
        if (i === 0) expect(prover.broken(witness)).toEqual([]);
      }
    }
    expect(seen).toEqual(new Set([STATE.OK, STATE.WARNING, STATE.CRITICAL]));
  }, 600_000);

  it('on the state, one reading to either side of each bound and one count to either side of each threshold', async () => {
    const cases: [outside: bigint, count: number, state: bigint][] = [
      [POLICY.warnLo, 16, STATE.OK], [POLICY.warnLo - 1n, 2, STATE.OK], [POLICY.warnLo - 1n, 3, STATE.WARNING],
      [POLICY.warnHi, 16, STATE.OK], [POLICY.warnHi + 1n, 2, STATE.OK], [POLICY.warnHi + 1n, 3, STATE.WARNING],
      [POLICY.critLo, 2, STATE.OK], [POLICY.critLo - 1n, 1, STATE.OK], [POLICY.critLo - 1n, 2, STATE.CRITICAL],
      [POLICY.critHi, 16, STATE.WARNING], [POLICY.critHi + 1n, 1, STATE.OK], [POLICY.critHi + 1n, 2, STATE.CRITICAL],
      [0n, 16, STATE.CRITICAL], [MAX_READING, 16, STATE.CRITICAL],
    ];
    for (const [reading, count, state] of cases) {
      const readings = calmReadings().fill(reading, 0, count);
      const { differences: found, signals } = await outcome(household.input({ readings }));
      expect([reading, count, signals[4], found]).toEqual([reading, count, state, []]);
    }
  }, 300_000);

  it('on bounds and counts at the ends of their ranges', async () => {
    const edges: Partial<TelemetryPolicy>[] = [
      { warnLo: 0n, warnHi: 0n, critLo: 0n, critHi: 0n }, { warnLo: 0n, warnHi: MAX_READING, critLo: 0n, critHi: MAX_READING },
      { warnLo: MAX_READING, warnHi: MAX_READING, critLo: MAX_READING, critHi: MAX_READING }, { warnLo: MAX_READING, warnHi: 0n, critLo: MAX_READING, critHi: 0n },
      { kWarn: 0n, kCrit: 31n }, { kWarn: 31n, kCrit: 0n }, { kWarn: 16n, kCrit: 16n, warnHi: 0n }, { kWarn: 17n, kCrit: 17n, warnHi: 0n, critHi: 0n }, { kWarn: 1n, kCrit: 1n, critHi: 0n },
    ];
    const readings = [0n, MAX_READING, ...calmReadings().slice(2)];
    expect(await differences(...edges.map((edge) => household.input({ ...edge, readings })))).toEqual([]);
  }, 300_000);

  it('on field elements at both ends of the field', async () => {
    const inputs = [0n, NEGATIVE].map((element) => household.input({ stream: element, epoch: element, scope: element, messageHash: element, salt: element }));
    expect(await differences(...inputs)).toEqual([]);
  });

  it('at the first and at the last place of the tree', async () => {
    const { sensorKey, secret, policyFamily } = household;
    const leaf = leafHash({ kind: KIND.telemetry, ...sensorPublicKey(sensorKey), secretHash: secretHash(secret), program: policyFamily });
    const first = new MerkleTree();
    first.append(leaf);
    const last = { siblings: Array.from({ length: 20 }, randomField), pathIndices: Array<number>(20).fill(1) };
    expect(await differences(household.input(first.path(0)), household.input(last))).toEqual([]);
  });

  it('in refusing readings, bounds and counts just outside their ranges', async () => {
    for (const reading of [MAX_READING + 1n, NEGATIVE]) {
      expect(await refusal(household.input({ readings: [...calmReadings().slice(1), reading] }))).toEqual({ rule: 'range: readings[15]', refused: true });
    }
    const input = household.input();
    for (const name of ['warnLo', 'warnHi', 'critLo', 'critHi'] as const) {
      for (const bound of [MAX_READING + 1n, NEGATIVE]) expect(await refusal({ ...input, [name]: bound })).toEqual({ rule: `range: ${name}`, refused: true });
    }
    for (const name of ['kWarn', 'kCrit'] as const) {
      for (const count of [32n, NEGATIVE]) expect(await refusal({ ...input, [name]: count })).toEqual({ rule: `range: ${name}`, refused: true });
    }
  }, 300_000);

  it('in refusing a signature over anything else', async () => {
    const input = household.input();
    const stranger = signDigest(randomBytes(32), readingsDigest({ kind: KIND.telemetry, stream: input.stream, epoch: input.epoch, values: input.readings }));
    for (const change of [stranger, { epoch: input.epoch + 1n }]) expect(await refusal({ ...input, ...change })).toEqual({ rule: 'window', refused: true });
  });
});

function randomPolicy(): TelemetryPolicy {
  const bound = () => (randomInt(8) === 0 ? [0n, MAX_READING][randomInt(2)]! : BigInt(randomInt(2 ** 32)));
  const between = () => [bound(), bound()].sort((a, b) => (a < b || randomInt(10) === 0 ? -1 : 1)) as [bigint, bigint];
  const [warnLo, warnHi] = between();
  const [critLo, critHi] = between();
  return { warnLo, warnHi, critLo, critHi, kWarn: BigInt(randomInt(18)), kCrit: BigInt(randomInt(4, 22)) };
}

/** Anywhere, or within one of a bound. */
function randomReadings({ warnLo, warnHi, critLo, critHi }: TelemetryPolicy): bigint[] {
  return Array.from({ length: 16 }, () => {
    if (randomInt(2) === 0) return BigInt(randomInt(2 ** 32));
    const near = [warnLo, warnHi, critLo, critHi][randomInt(4)]! + BigInt(randomInt(-1, 2));
    return near < 0n ? 0n : near > MAX_READING ? MAX_READING : near;
  });
}
