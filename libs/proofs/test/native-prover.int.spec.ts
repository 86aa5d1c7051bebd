import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chooseEngine, createNativeProver, createNativeVerifier, createSnarkjsVerifier, evaluateTelemetry, loadCircuit, loadNative, telemetryPublicSignals, type Prover,
} from '../src/index.js';
import type { NativeAddon, NativeProver } from '../src/native-addon.js';
import { WorkerPool } from '../src/worker-pool.js';
import type { WitnessAnswer, WitnessTask } from '../src/witness.worker.js';
import { Household } from './telemetry-case.fixture.js';

const circuit = 'telemetry16';
const { addon } = loadNative();
if (addon === null) {
  it('native/ is not built here, so snarkjs proves', () => { expect(chooseEngine('auto').name).toBe('snarkjs'); });
} else {
  describe('createNativeProver', () => { provers(); });
  describe('the addon', () => { witnesses(addon); });
}

function provers(): void {
  const household = new Household();
  const input = household.input();
  let prover: Prover;
  beforeAll(() => { prover = createNativeProver({ threads: 2 }); });
  afterAll(() => prover.close());

  it('makes proofs of the reference\'s public signals that snarkjs and native/ take, several asked for at once', async () => {
    const inputs = [input, household.input({ epoch: 7n }), new Household(2).input()];
    const proofs = await Promise.all(inputs.map((each) => prover.prove(circuit, { ...each })));
    expect(proofs.map(({ publicSignals }) => publicSignals)).toEqual(inputs.map((each) => telemetryPublicSignals(evaluateTelemetry(each))));
    const jobs = proofs.map((proof) => ({ circuit, ...proof }));
    for (const verifier of [await createSnarkjsVerifier({ circuits: [circuit], threads: 1 }), await createNativeVerifier({ circuits: [circuit] })]) {
      expect(await verifier.verifyBatch(jobs)).toEqual([true, true, true]);
      expect(await verifier.verifyBatch([{ ...jobs[0]!, proof: jobs[1]!.proof }])).toEqual([false]);
      await verifier.close();
    }
  }, 120_000);

  it('blinds: two proofs of one input share no point', async () => {
    const [one, two] = [await prover.prove(circuit, { ...input }), await prover.prove(circuit, { ...input })];
    for (const [from, to] of [[0, 64], [64, 192], [192, 256]]) expect(one.proof.subarray(from, to).equals(two.proof.subarray(from, to))).toBe(false);
    expect(one.publicSignals).toEqual(two.publicSignals);
  }, 60_000);

  it('names what is wrong with inputs that do not satisfy the statement, and goes on', async () => {
    const refused = (changed: Record<string, unknown>, why: RegExp) => expect(prover.prove(circuit, changed)).rejects.toThrow(why);
    await refused({ ...input, epoch: input.epoch + 1n }, /ATS_PROOF_FAILED.*assertion failed.*SignedWindow/);
    await refused({ ...input, readings: input.readings.slice(1) }, /ATS_PROOF_FAILED.*readings has 16 values, not 15/);
    await refused({ ...input, surplus: 1n }, /ATS_PROOF_FAILED.*surplus not found/);
    await refused({ ...input, secret: { a: 1 } }, /ATS_PROOF_FAILED.*secret/);
    await refused({ ...input, secret: 'x' }, /ATS_PROOF_FAILED/);
    await refused({}, /ATS_PROOF_FAILED.*not all inputs/);
    for (const unknown of ['intent12', '../telemetry16']) await expect(prover.prove(unknown, {})).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
    expect((await prover.prove(circuit, { ...input })).publicSignals).toEqual(telemetryPublicSignals(evaluateTelemetry(input)));
  }, 120_000);

  it('leaves the event loop free while it proves', async () => {
    let proving = true;
    let turns = 0;
    const count = () => { if (proving) { turns += 1; setTimeout(count, 1); } };
    count();
    await prover.prove(circuit, { ...input });
    proving = false;
    // A proof takes a third of a second: on a blocked loop there would be a turn or two.
    expect(turns).toBeGreaterThan(10);
  }, 60_000);

  it('a proof under way is rejected by close at once, and new ones are', async () => {
    const closing = createNativeProver({ threads: 1 });
    const under = closing.prove(circuit, { ...input });
    const [ended] = await Promise.allSettled([under, closing.close()]);
    expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'ATS_INTERNAL' } });
    await expect(closing.prove(circuit, { ...input })).rejects.toMatchObject({ code: 'ATS_INTERNAL' });
  });
}

function witnesses({ Prover }: NativeAddon): void {
  const { zkeyFile, wasmFile } = loadCircuit(circuit);
  const zkey = readFileSync(zkeyFile);
  let prover: NativeProver;
  let wtns: Buffer;
  beforeAll(async () => {
    prover = await Prover.load(zkey);
    const pool = new WorkerPool<WitnessTask, WitnessAnswer>(new URL('../src/witness.worker.ts', import.meta.url), 1);
    const answer = await pool.run({ input: { ...new Household().input() }, wasmFile });
    await pool.close();
    if (!answer.ok) throw new Error(answer.why);
    wtns = Buffer.from(answer.wtns);
  });

  it('gives out no proof for a witness that does not satisfy the constraints', async () => {
    expect(await prover.prove(wtns, 2)).toHaveLength(256 + 16 * 32);
    for (const signal of [0, 16, 9000]) {
      const changed = Buffer.from(wtns);
      changed[76 + 32 * signal]! ^= 1;
      await expect(prover.prove(changed, 2)).rejects.toThrow(/does not satisfy/);
    }
  }, 120_000);

  it('refuses bytes that are no witness of this circuit, and goes on', async () => {
    const header = (at: number, value: number) => { const changed = Buffer.from(wtns); changed.writeUInt32LE(value, at); return changed; };
    const wrong: [Buffer, RegExp][] = [
      [Buffer.alloc(0), /too early/], [wtns.subarray(0, 75), /too early/], [wtns.subarray(0, -1), /too early/], [header(0, 1), /no \.wtns/], [header(4, 3), /version 3/],
      [header(8, 0xffffffff), /too early/], [header(16, 0xffffffff), /too early/], [header(24, 31), /bn128/], [header(28, 1), /bn128/], [header(60, 3), /3 signals/],
      [header(60, 0xffffffff), /signals/], [header(68, 0xffffffff), /too early/], [Buffer.from(wtns).fill(0xff, 76, 108), /not below r/],
    ];
    for (const [bytes, why] of wrong) await expect(prover.prove(bytes, 1)).rejects.toThrow(why);
    expect(await prover.prove(wtns, 1)).toHaveLength(256 + 16 * 32);
  }, 60_000);

  it('refuses bytes that are no proving key', async () => {
    const changed = (at: number, value: number) => { const bytes = Buffer.from(zkey); bytes.writeUInt32LE(value, at); return bytes; };
    // Header of the file, sizes, moduli and counts of the header section, and a point in the middle.
    const wrong: [Buffer, RegExp][] = [
      [Buffer.alloc(3), /too early/], [zkey.subarray(0, zkey.length >> 1), /too early/], [changed(0, 1), /no \.zkey/], [changed(4, 2), /version 2/], [changed(8, 3), /missing/],
      [changed(24, 2), /Groth16/], [changed(16, 0xffffffff), /too early/], [changed(zkey.length >> 1, 0xffffffff), /off its curve|below its modulus/],
    ];
    for (const [bytes, why] of wrong) await expect(Prover.load(bytes)).rejects.toThrow(why);
  }, 60_000);

  it('a damaged key is ATS_CIRCUIT_MISSING of the prover that was to use it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'attestream-native-'));
    try {
      mkdirSync(join(folder, circuit));
      for (const file of ['verification-key.json', `${circuit}.wasm`]) copyFileSync(join(zkeyFile, '..', file), join(folder, circuit, file));
      writeFileSync(join(folder, circuit, `${circuit}.zkey`), zkey.subarray(0, 1000));
      const damaged = createNativeProver({ folder });
      await expect(damaged.prove(circuit, {})).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
      await damaged.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
}
