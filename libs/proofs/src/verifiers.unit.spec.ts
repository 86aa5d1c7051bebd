import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchVerifier, ProofJob } from './batch-verifier.js';
import { Verifiers, type KeyedProof, type VerifierFactory } from './verifiers.js';

let folder: string;
/** Every verifier that was made, with the batches that it got. */
let made: { keys: string[]; batches: (readonly ProofJob[])[]; closed: boolean; end: (() => void)[] }[];
let slow = false;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attestream-verifiers-'));
  made = [];
  slow = false;
});
afterEach(() => { rmSync(folder, { recursive: true }); });

/** A proof holds when it is the text that the key has for alpha. */
const create: VerifierFactory = async ({ circuits, keys }) => {
  const one: (typeof made)[number] = { keys: [...circuits], batches: [], closed: false, end: [] };
  made.push(one);
  const verifier: BatchVerifier = {
    name: 'test',
    async verifyBatch(jobs) {
      one.batches.push(jobs);
      if (slow) await new Promise<void>((resolve) => { one.end.push(resolve); });
      if (one.closed) throw new Error('closed');
      return jobs.map(({ circuit, proof }) => keys![circuits.indexOf(circuit)]!.vk_alpha_1[0] === proof.toString());
    },
    async close() { one.closed = true; },
  };
  return verifier;
};

function writeKey(circuit: string, alpha: string): { circuit: string; verificationKey: string } {
  const bytes = JSON.stringify({ protocol: 'groth16', curve: 'bn128', nPublic: 0, vk_alpha_1: [alpha], IC: [[]] });
  mkdirSync(join(folder, circuit), { recursive: true });
  writeFileSync(join(folder, circuit, 'verification-key.json'), bytes);
  return { circuit, verificationKey: createHash('sha256').update(bytes).digest('hex') };
}

const proof = (parameters: { circuit: string; verificationKey: string }, text: string): KeyedProof =>
  ({ parameters, job: { circuit: parameters.circuit, proof: Buffer.from(text), publicSignals: [] } });

it('proofs of several circuits are one batch, each under the key of its own set, also after that key\'s file was replaced', async () => {
  const verifiers = new Verifiers(folder, 1, create);
  const old = writeKey('telemetry16', 'old');
  await verifiers.prepare(old);
  const intent = writeKey('intent', 'intent');
  const renewed = writeKey('telemetry16', 'renewed');
  await Promise.all([verifiers.prepare(intent), verifiers.prepare(renewed), verifiers.prepare(renewed)]);
  const given = [proof(old, 'old'), proof(renewed, 'old'), proof(renewed, 'renewed'), proof(intent, 'intent'), proof(old, 'intent')];
  expect(await verifiers.verifyBatch(given)).toEqual([true, false, true, true, false]);
  expect([...(await verifiers.verify(given)).values()]).toEqual([true, false, true, true, false]);
  expect(made.map(({ keys }) => keys.length)).toEqual([1, 2, 3]);
  expect(made.at(-1)!.batches).toHaveLength(2);
  expect(made.map(({ closed }) => closed)).toEqual([true, true, false]);
  await verifiers.close();
  expect(made.at(-1)!.closed).toBe(true);
});

it('a verifier that another has replaced ends its batches before it is closed', async () => {
  const verifiers = new Verifiers(folder, 1, create);
  const telemetry = writeKey('telemetry16', 'a');
  await verifiers.prepare(telemetry);
  slow = true;
  const running = verifiers.verifyBatch([proof(telemetry, 'a')]);
  await verifiers.prepare(writeKey('intent', 'b'));
  expect(made.map(({ closed }) => closed)).toEqual([false, false]);
  made[0]!.end[0]!();
  expect(await running).toEqual([true]);
  expect(made.map(({ closed }) => closed)).toEqual([true, false]);
  await verifiers.close();
});

it('a key that is not here or not the set\'s, and a verifier that can not be made, leave the others as they are', async () => {
  let broken = false;
  const verifiers = new Verifiers(folder, 1, async (parameters) => {
    if (broken) throw new Error('no such curve');
    return await create(parameters);
  });
  const telemetry = writeKey('telemetry16', 'a');
  await verifiers.prepare(telemetry);
  await expect(verifiers.prepare({ circuit: 'intent', verificationKey: 'ab'.repeat(32) })).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
  await expect(verifiers.prepare({ circuit: 'telemetry16', verificationKey: 'ab'.repeat(32) })).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
  const intent = writeKey('intent', 'b');
  broken = true;
  await expect(verifiers.prepare(intent)).rejects.toThrow('no such curve');
  await expect(verifiers.verifyBatch([proof(intent, 'b')])).rejects.toThrow('was not prepared');
  expect(await verifiers.verifyBatch([proof(telemetry, 'a')])).toEqual([true]);
  broken = false;
  await verifiers.prepare(intent);
  expect(await verifiers.verifyBatch([proof(intent, 'b'), proof(telemetry, 'a')])).toEqual([true, true]);
  expect(await verifiers.verifyBatch([])).toEqual([]);
  await verifiers.close();
});
