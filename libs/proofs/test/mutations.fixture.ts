import { randomBytes, randomInt } from 'node:crypto';
import { FIELD_MODULUS, PROOF_BYTES } from '#libs/events';
import { fp, fp2, g1Times, plus, type Fp2, type Point } from '../../../test/support/gate-trapdoor.js';
import { BASE_MODULUS, type ProofJob } from '../src/index.js';
import { randomTwistPoint } from './bn254.fixture.js';

/** A proof that was changed, and how. */
export interface Mutation { family: string; job: ProofJob }

const FIELDS = PROOF_BYTES / 32;
const FIELD_NAMES = ['A.x', 'A.y', 'B.x im', 'B.x re', 'B.y im', 'B.y re', 'C.x', 'C.y'];
const Y = { A: [1], B: [4, 5], C: [7] } as const;
const PARTS = { A: [0, 64], B: [64, 192], C: [192, 256] } as const;
type Part = keyof typeof PARTS;
const NAMES = Object.keys(PARTS) as Part[];

/** Order of the twist over r: q + t - 1, whose least prime factors are these. */
const COFACTOR = 21888242871839275222246405745257275088844257914179612981679871602714643921549n;
const SMALL_ORDERS = [10069n, 5864401n, 1875725156269n];

export const bytes32 = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
export const coordinate = ({ proof }: ProofJob, index: number) => BigInt(`0x${proof.toString('hex', 32 * index, 32 * index + 32)}`);
export const withCoordinate = (job: ProofJob, index: number, value: bigint): ProofJob => withBytes(job, 32 * index, bytes32(value));

function withBytes(job: ProofJob, at: number, bytes: Buffer): ProofJob {
  const proof = Buffer.from(job.proof);
  bytes.copy(proof, at);
  return { ...job, proof };
}

const withSignal = (job: ProofJob, index: number, value: unknown): ProofJob => ({ ...job, publicSignals: job.publicSignals.with(index, value as bigint) });
const negated = (job: ProofJob, parts: readonly Part[]) => parts.flatMap((part) => Y[part]).reduce((changed, index) => withCoordinate(changed, index, (BASE_MODULUS - coordinate(job, index)) % BASE_MODULUS), job);
const partOf = ({ proof }: ProofJob, part: Part) => proof.subarray(...PARTS[part]);
const twistBytes = ([x, y]: readonly [Fp2, Fp2]) => Buffer.concat([x[1], x[0], y[1], y[0]].map(bytes32));
const twistPoint = (job: ProofJob): readonly [Fp2, Fp2] => [[coordinate(job, 3), coordinate(job, 2)], [coordinate(job, 5), coordinate(job, 4)]];
const randomField = () => BigInt(`0x${randomBytes(40).toString('hex')}`) % BASE_MODULUS;
const g1Point = (job: ProofJob, part: 'A' | 'C'): readonly [bigint, bigint] => [coordinate(job, part === 'A' ? 0 : 6), coordinate(job, part === 'A' ? 1 : 7)];

/** Every way of changing true proofs that is known to have fooled a verifier, and more. Two neighbours under "cancelling" belong together. */
export function* mutationsOf(good: readonly ProofJob[]): Generator<Mutation> {
  const first = good[0]!;
  const mutation = (family: string, job: ProofJob): Mutation => ({ family, job });

  for (let bit = 0; bit < 8 * PROOF_BYTES; bit++) {
    const proof = Buffer.from(first.proof);
    proof[bit >> 3]! ^= 1 << (bit & 7);
    yield mutation(`bit ${bit & 255} of ${FIELD_NAMES[bit >> 8]}`, { ...first, proof });
  }
  for (let index = 0; index < first.publicSignals.length; index++) {
    for (const bit of [0, 1, 31, 32, 63, 64, 127, 200, 252, 253, 254, 255]) yield mutation(`bit ${bit} of a public`, withSignal(first, index, first.publicSignals[index]! ^ (1n << BigInt(bit))));
  }
  for (const job of good) {
    const other = good[randomInt(good.length)]!;
    for (const part of NAMES) yield mutation(`${part} of another proof`, withBytes(job, PARTS[part][0], partOf(other, part)));
    yield mutation('A and C swapped', withBytes(withBytes(job, 0, partOf(job, 'C')), 192, partOf(job, 'A')));
    for (const [a, b] of [[0, 1], [2, 3], [4, 5], [6, 7], [2, 4], [3, 5]] as const) yield mutation(`${FIELD_NAMES[a]} and ${FIELD_NAMES[b]} swapped`, withCoordinate(withCoordinate(job, a, coordinate(job, b)), b, coordinate(job, a)));
    for (const parts of [['A'], ['B'], ['C'], ['A', 'B'], ['A', 'C'], ['B', 'C'], NAMES] as Part[][]) yield mutation(`-${parts.join(', -')}`, negated(job, parts));
    for (const parts of [['A'], ['B'], ['C'], ['A', 'C'], ['A', 'B'], NAMES] as Part[][]) yield mutation(`${parts.join(', ')} at infinity`, parts.reduce((changed, part) => withBytes(changed, PARTS[part][0], Buffer.alloc(PARTS[part][1] - PARTS[part][0])), job));
    yield mutation('the public signals of another proof', { ...job, publicSignals: other.publicSignals });
    yield mutation('public signals permuted', { ...job, publicSignals: shuffled(job.publicSignals) });
    yield mutation('two public signals swapped', { ...job, publicSignals: swapped(job.publicSignals) });
    for (const publicSignals of [job.publicSignals.slice(1), job.publicSignals.slice(0, -1), [], [...job.publicSignals, 0n], [0n, ...job.publicSignals]]) yield mutation('public signals missing or surplus', { ...job, publicSignals });
    yield mutation('another circuit', { ...job, circuit: good.find(({ circuit }) => circuit !== job.circuit)!.circuit });
    for (const size of [0, 255, 257, 512]) yield mutation(`${size} bytes`, { ...job, proof: Buffer.concat([job.proof, job.proof]).subarray(0, size) });
    for (const part of NAMES) yield mutation(`${part} random`, withBytes(job, PARTS[part][0], Buffer.concat(Array.from({ length: (PARTS[part][1] - PARTS[part][0]) / 32 }, () => bytes32(randomField())))));
    yield mutation('B random on the twist', withBytes(job, 64, twistBytes(randomTwistPoint())));
    for (const order of SMALL_ORDERS) {
      const part = ofOrder(order);
      yield mutation(`B of order ${order}`, withBytes(job, 64, twistBytes(part)));
      yield mutation(`B plus a point of order ${order}`, withBytes(job, 64, twistBytes(plus(fp2, twistPoint(job), part)!)));
    }
    for (const signal of [-1n, FIELD_MODULUS, 2n ** 256n, 2n ** 256n + job.publicSignals[0]!, String(job.publicSignals[0]), Number(job.publicSignals[0]), undefined, null]) yield mutation('a public that is no field element', withSignal(job, 0, signal));
  }
  for (let index = 0; index < FIELDS; index++) {
    for (let value = coordinate(first, index) + BASE_MODULUS; value < 2n ** 256n; value += BASE_MODULUS) yield mutation(`${FIELD_NAMES[index]} + k q`, withCoordinate(first, index, value));
    for (const value of [0n, 1n, BASE_MODULUS - 1n, BASE_MODULUS, 2n ** 256n - 1n]) yield mutation(`${FIELD_NAMES[index]} = ${value}`, withCoordinate(first, index, value));
  }
  for (let index = 0; index < first.publicSignals.length; index++) {
    for (let value = first.publicSignals[index]! + FIELD_MODULUS; value < 2n ** 256n; value += FIELD_MODULUS) yield mutation('a public + k r', withSignal(first, index, value));
  }
  for (const [left, right] of neighbours(good)) {
    // What is added to one is taken from the other: the product of both equations still holds.
    const d = g1Times(BigInt(randomInt(1, 2 ** 40)));
    const minus: Point<bigint> = [d[0], BASE_MODULUS - d[1]];
    yield mutation('cancelling', withBytes(left, 192, pointBytes(plus(fp, g1Point(left, 'C'), d))));
    yield mutation('cancelling', withBytes(right, 192, pointBytes(plus(fp, g1Point(right, 'C'), minus))));
  }
}

function pointBytes(point: Point<bigint>): Buffer {
  return Buffer.concat(point!.map(bytes32));
}

/** Found once an order: r and the rest of the cofactor take all else from a random point of the twist. */
const found = new Map<bigint, readonly [Fp2, Fp2]>();
function ofOrder(order: bigint): readonly [Fp2, Fp2] {
  let point = found.get(order);
  while (point === undefined) point = times(randomTwistPoint(), FIELD_MODULUS * (COFACTOR / order)) ?? undefined;
  found.set(order, point);
  return point;
}

function times(point: readonly [Fp2, Fp2], k: bigint): Point<Fp2> {
  let sum: Point<Fp2> = null;
  for (const bit of k.toString(2)) {
    sum = plus(fp2, sum, sum);
    if (bit === '1') sum = plus(fp2, sum, point);
  }
  return sum;
}

function shuffled<T>(values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

function swapped<T>(values: readonly T[]): T[] {
  const [i, j] = [randomInt(values.length), randomInt(values.length)];
  return values.with(i, values[j]!).with(j, values[i]!);
}

function* neighbours<T>(values: readonly T[]): Generator<[T, T]> {
  for (let i = 1; i < values.length; i += 2) yield [values[i - 1]!, values[i]!];
}
