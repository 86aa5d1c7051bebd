import { chaos, type ChaosOptions, type ChaosResult } from './chaos.js';
import { clean } from './judge.js';
import { anvilNode } from './node.js';

/** `make chaos-anchor` is the long form of this: 150 kills, 40 reorganisations. */
async function run(options: Omit<ChaosOptions, 'node' | 'seconds'>): Promise<ChaosResult> {
  const node = await anvilNode();
  try {
    return await chaos({ ...options, node, seconds: 240 });
  } finally {
    await node.stop();
  }
}

it('every planned checkpoint is anchored once through kills, reorganisations, lost pools and lying endpoints', async () => {
  const result = await run({ seed: 4, kills: 8, reorgs: 3 });
  expect(result).toMatchObject({ ok: true, atRest: true, duplicated: [], skipped: [], foreign: [], falselyFinal: [], failed: [], inOrder: true });
  expect(result.anchored).toBe(result.planned);
  expect(result.lies).toBeGreaterThan(0);
}, 300_000);

describe('the judge finds a worker that', () => {
  it('sends before its journal holds what it sends', async () => {
    const result = await run({ seed: 1, kills: 2, reorgs: 0, fault: 'journal-late', focus: { kill: 'sent' }, patienceBlocks: 20 });
    expect(clean(result)).toBe(false);
    expect(result.skipped.length).toBeGreaterThan(0);
  }, 300_000);

  it('takes the newest block for final', async () => {
    const result = await run({ seed: 1, kills: 0, reorgs: 1, fault: 'latest-final', focus: { undoFinal: true }, patienceBlocks: 20 });
    expect(clean(result)).toBe(false);
    expect(result.falselyFinal.length).toBeGreaterThan(0);
  }, 300_000);

  it('trusts one endpoint', async () => {
    const result = await run({ seed: 1, kills: 0, reorgs: 0, fault: 'one-endpoint', focus: { lie: 'fake-receipt' }, patienceBlocks: 30 });
    expect(clean(result)).toBe(false);
    expect(result.falselyFinal.length).toBeGreaterThan(0);
  }, 300_000);
});
