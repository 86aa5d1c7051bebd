import { setImmediate as turn } from 'node:timers/promises';
import type { KeyedProof } from '#libs/proofs';
import { GoodStanding } from './standing.js';
import { Verification, type AuthoredProof } from './verification.js';

/** A verifier whose calls end when the test says so; a proof holds when its first byte is 1. */
class Verifier {
  readonly calls: { proofs: readonly KeyedProof[]; end(): void; fail(error: Error): void }[] = [];
  ended = 0;

  verify = async (proofs: readonly KeyedProof[]): Promise<boolean[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.calls.push({ proofs, end: resolve, fail: reject });
    await promise;
    this.ended++;
    return proofs.map(({ job }) => job.proof[0] === 1);
  };

  get sizes(): number[] {
    return this.calls.map(({ proofs }) => proofs.length);
  }

  /** Ends all calls until no new one comes. */
  async work(): Promise<void> {
    for (let ended = 0; ended < this.calls.length;) {
      for (; ended < this.calls.length; ended++) this.calls[ended]!.end();
      for (let i = 0; i < 4; i++) await turn();
    }
  }
}

const proof = (author: number, holds = true, circuit = 'telemetry16'): AuthoredProof => ({
  event: { pseudonym: Buffer.from([author]) },
  parameters: { circuit, verificationKey: circuit },
  job: { circuit, proof: Buffer.from([holds ? 1 : 0]), publicSignals: [] },
});
const proofs = (count: number, holds = true) => Array.from({ length: count }, (_, i) => proof(i, holds));
const never = new AbortController().signal;

let verifier: Verifier;
const verificationWith = (calls: number, mostProofs = 100, paceMs = 0) => {
  verifier = new Verifier();
  return new Verification({ verify: verifier.verify, calls, mostProofs, paceMs });
};

it('answers each request for its own proofs, in order, whatever batches they came in', async () => {
  const verification = verificationWith(2, 7);
  const requests = Array.from({ length: 9 }, (_, i) => Array.from({ length: i }, (__, at) => proof(at, (at + i) % 3 !== 0)));
  const answers = requests.map((request, i) => verification.verify(`flow ${i % 4}`, request, never));
  await turn();
  await verifier.work();
  expect(await Promise.all(answers)).toEqual(requests.map((request, i) => request.map((_, at) => (at + i) % 3 !== 0)));
  expect(verification.waiting).toBe(0);
});

it('a lone proof waits for nothing, and what comes while all verifiers are busy makes one batch over flows and circuits', async () => {
  const verification = verificationWith(1);
  const known = verification.verify('a', [proof(1), proof(2), proof(3)], never);
  await turn();
  expect(verifier.sizes).toEqual([3]);
  await verifier.work();
  await known;
  const first = verification.verify('a', [proof(1)], never);
  await turn();
  expect(verifier.sizes).toEqual([3, 1]);
  const rest = [verification.verify('b', [proof(1)], never), verification.verify('c', [proof(2, true, 'intent')], never), verification.verify('a', [proof(3)], never)];
  await turn();
  expect(verifier.sizes).toEqual([3, 1]);
  await verifier.work();
  expect(verifier.sizes).toEqual([3, 1, 3]);
  expect(await Promise.all([first, ...rest])).toEqual([[true], [true], [true], [true]]);
});

it('a proof that comes soon after another waits for company, no longer than the pace, and not when there is a whole batch', async () => {
  const verification = verificationWith(2, 5, 60_000);
  const first = verification.verify('a', [proof(1)], never);
  await turn();
  expect(verifier.sizes).toEqual([1]);
  const few = [verification.verify('a', proofs(2), never), verification.verify('b', proofs(2), never)];
  await turn();
  expect(verifier.sizes).toEqual([1]);
  const enough = verification.verify('c', proofs(1), never);
  await turn();
  expect(verifier.calls.length).toBeGreaterThan(1);
  await verifier.work();
  expect(await Promise.all([first, ...few, enough])).toEqual([[true], [true, true], [true, true], [true]]);

  const paced = verificationWith(1, 5, 20);
  const before = paced.verify('a', [proof(1)], never);
  await turn();
  await verifier.work();
  await before;
  const alone = paced.verify('a', [proof(2)], never);
  while (verifier.calls.length < 2) await turn();
  await verifier.work();
  expect(await alone).toEqual([true]);
});

it('has no more calls under way than it may, and no more proofs in one', async () => {
  const verification = verificationWith(3, 10);
  const answers = Array.from({ length: 8 }, (_, i) => verification.verify(`${i}`, proofs(25), never));
  await turn();
  expect(verifier.calls).toHaveLength(3);
  verifier.calls[0]!.end();
  await turn();
  await turn();
  expect(verifier.calls).toHaveLength(4);
  await verifier.work();
  await Promise.all(answers);
  expect(Math.max(...verifier.sizes)).toBe(10);
});

it('an author whose proof failed shares no batch with those whose held, until one of its own holds', async () => {
  const verification = verificationWith(1);
  const both = async (second: boolean) => {
    const before = verifier.calls.length;
    const answers = [verification.verify('a', [proof(1)], never), verification.verify('b', [proof(2, second)], never)];
    await turn();
    await verifier.work();
    await Promise.all(answers);
    return verifier.sizes.slice(before);
  };
  expect(await both(true)).toEqual([1, 1]);
  expect(await both(false)).toEqual([2]);
  expect(await both(true)).toEqual([1, 1]);
  expect(await both(true)).toEqual([2]);
});

it('what nobody needs any more is not verified, and does not hold up the rest', async () => {
  const verification = verificationWith(1);
  const lost = new AbortController();
  const running = verification.verify('a', [proof(1)], never);
  await turn();
  const abandoned = verification.verify('a', proofs(50), lost.signal);
  const kept = verification.verify('a', proofs(2), never);
  abandoned.catch(() => undefined);
  lost.abort(new Error('lost'));
  await verifier.work();
  await expect(abandoned).rejects.toThrow('lost');
  expect(await kept).toEqual([true, true]);
  await running;
  expect(verifier.sizes).toEqual([1, 2]);
});

it('a verifier that fails decides nothing, for the requests in its batch alone', async () => {
  const verification = verificationWith(1, 4);
  const failing = verification.verify('a', proofs(2), never);
  failing.catch(() => undefined);
  await turn();
  const later = verification.verify('a', proofs(3), never);
  verifier.calls[0]!.fail(new Error('no verifier'));
  await turn();
  await turn();
  await verifier.work();
  await expect(failing).rejects.toThrow('no verifier');
  expect(await later).toEqual([true, true, true]);
});

it('remembers no more authors than it may, the recent ones among them', () => {
  const standing = new GoodStanding(100);
  for (let i = 0; i < 1000; i++) standing.tell(`${i}`, true);
  const known = Array.from({ length: 1000 }, (_, i) => standing.has(`${i}`));
  expect(known.filter(Boolean).length).toBeLessThanOrEqual(100);
  expect(known.slice(-50)).toEqual(Array(50).fill(true));
  standing.tell('999', false);
  expect(standing.has('999')).toBe(false);
});
