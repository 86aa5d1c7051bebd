import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIELD_MODULUS } from '#libs/events';
import { Trapdoor } from '../../../test/support/gate-trapdoor.js';
import { chooseEngine, createNativeVerifier, createSnarkjsVerifier, loadNative, type BatchVerifier, type ProofJob } from '../src/index.js';
import { mutationsOf } from './mutations.fixture.js';

/** The native verifier against the one that the project trusts first, on proofs simulated for throwaway keys of two circuits. */

if (loadNative().addon === null) {
  it('native/ is not built here, so snarkjs verifies', () => { expect(chooseEngine('auto').name).toBe('snarkjs'); });
} else {
  describe('native and snarkjs', () => { agreement(); });
}

function agreement(): void {
  const folder = mkdtempSync(join(tmpdir(), 'attestream-native-'));
  const circuits = { first: new Trapdoor(16), second: new Trapdoor(16) };
  const names = Object.keys(circuits) as (keyof typeof circuits)[];
  let native: BatchVerifier;
  let snarkjs: BatchVerifier;
  let good: ProofJob[];

  beforeAll(async () => {
    for (const name of names) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'verification-key.json'), circuits[name].keyFile);
    }
    native = await createNativeVerifier({ circuits: names, folder, threads: 2 });
    snarkjs = await createSnarkjsVerifier({ circuits: names, folder, threads: 2 });
    good = Array.from({ length: 8 }, (_, i) => {
      const circuit = names[i % 2]!;
      const publicSignals = Array.from({ length: 16 }, (__, signal) => (signal % 3 === 0 ? BigInt(randomInt(2 ** 32)) : field()));
      return { circuit, proof: circuits[circuit].prove(publicSignals), publicSignals };
    });
  });
  afterAll(async () => {
    await native.close();
    await snarkjs.close();
    rmSync(folder, { recursive: true });
  });

  it('give more than 2,000 changed proofs the same verdicts, true proofs among them', async () => {
    const rows = [...mutationsOf(good)].flatMap((row, i) => (i % 16 === 0 ? [row, { family: 'true', job: good[i % good.length]! }] : [row]));
    expect(rows.length).toBeGreaterThan(2500);
    // In batches of many sizes: alone, a few with projective lines, a part of a block, several blocks.
    const verdicts: boolean[] = [];
    for (let size = 1; verdicts.length < rows.length; size = (size * 3) % 293) {
      verdicts.push(...await native.verifyBatch(rows.slice(verdicts.length, verdicts.length + size).map(({ job }) => job)));
    }
    const expected = await snarkjs.verifyBatch(rows.map(({ job }) => job));
    const differ = rows.filter((_, i) => verdicts[i] !== expected[i]).map(({ family, job }) => ({ family, proof: job.proof.toString('hex'), publicSignals: job.publicSignals.map(String) }));
    expect(differ).toEqual([]);
    // Both answers occur, and where they must: -A, -B is another true proof.
    const trueOf = (family: string) => rows.filter((row, i) => row.family === family && expected[i]).length;
    expect(trueOf('true')).toBe(rows.filter(({ family }) => family === 'true').length);
    expect(trueOf('-A, -B')).toBe(good.length);
    expect(trueOf('cancelling')).toBe(0);
  }, 300_000);

  it('know a batch of true proofs of both circuits, whatever its size', async () => {
    for (const size of [1, 2, 3, 4, 17, 64, 129, 300]) {
      const jobs = Array.from({ length: size }, (_, i) => good[i % good.length]!);
      expect(await native.verifyBatch(jobs)).toEqual(jobs.map(() => true));
    }
    expect(await native.verifyBatch([])).toEqual([]);
  });

  it('an unknown circuit is an error and no verdict', async () => {
    await expect(native.verifyBatch([good[0]!, { ...good[0]!, circuit: 'third' }])).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
    await expect(createNativeVerifier({ circuits: ['third'], folder })).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
  });

  it('a key with a point off its curve is refused when the verifier is made', async () => {
    const key = JSON.parse(circuits.first.keyFile.toString()) as { vk_delta_2: string[][] };
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken', 'verification-key.json'), JSON.stringify({ ...key, vk_delta_2: [['1', '2'], ['3', '4'], ['1', '0']] }));
    await expect(createNativeVerifier({ circuits: ['broken'], folder })).rejects.toThrow(/ATS_CIRCUIT_MISSING.*broken.*delta/);
  });

  it('a batch under way is rejected by close, and new ones are', async () => {
    const verifier = await createNativeVerifier({ circuits: names, folder, threads: 1 });
    const under = verifier.verifyBatch(good);
    await verifier.close();
    await expect(under).rejects.toMatchObject({ code: 'ATS_INTERNAL' });
    await expect(verifier.verifyBatch(good)).rejects.toMatchObject({ code: 'ATS_INTERNAL' });
  });
}

function field(): bigint {
  let value = 0n;
  for (let i = 0; i < 11; i++) value = (value << 24n) + BigInt(randomInt(2 ** 24));
  return value % FIELD_MODULUS;
}
