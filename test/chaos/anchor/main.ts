/** `make chaos-anchor`: SEED, CHAIN (anvil, geth), KILLS, REORGS and BOUND_SECONDS bound it; the report is .attestream/chaos-anchor.json. */
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryRoot } from '#libs/stack';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { chaos } from './chaos.js';
import { gethNode } from './geth.js';
import { anvilNode } from './node.js';

const count = z.coerce.number().int().nonnegative();
const { SEED, CHAIN, KILLS, REORGS, BOUND_SECONDS } = z.object({
  SEED: count.default(4), CHAIN: z.enum(['anvil', 'geth']).default('anvil'), KILLS: count.default(150), REORGS: count.default(40), BOUND_SECONDS: count.default(1_800),
}).parse(process.env);

const startedAt = new Date();
const checks: Check[] = [];
const hold = (id: string, ok: boolean, want: unknown, got: unknown): void => void checks.push({ id, ok, want: String(want), got: String(got) });
let counts: object = {};
try {
  const node = CHAIN === 'geth' ? await gethNode() : await anvilNode();
  try {
    const { ok: _, seconds: __, ...result } = await chaos({
      node, seed: SEED, kills: KILLS, reorgs: REORGS, seconds: BOUND_SECONDS, onProgress: (line) => process.stderr.write(`  chaos    ${line}\n`),
    });
    counts = result;
    hold('kills', result.kills >= KILLS, `at least ${KILLS}`, result.kills);
    hold('reorganisations', result.reorgs >= REORGS, `at least ${REORGS}`, result.reorgs);
    hold('at rest within the bound', result.atRest, true, result.atRest);
    hold('planned and anchored', result.planned > 0 && result.planned === result.anchored, result.planned, result.anchored);
    for (const name of ['duplicated', 'skipped', 'foreign', 'falselyFinal', 'failed'] as const) hold(name, result[name].length === 0, 'none', result[name].join(' ') || 'none');
    hold('sizes grow along the chain', result.inOrder, true, result.inOrder);
  } finally {
    await node.stop();
  }
} catch (error) {
  hold('finished', false, 'the whole run', error instanceof Error ? error.message : error);
}
const file = join(process.env.ATTESTREAM_HOME ?? join(repositoryRoot, '.attestream'), 'chaos-anchor.json');
const header = reportHeader('attestream/chaos-anchor/1', startedAt, checks);
writeJson(file, { ...header, seed: SEED, chain: CHAIN, ...counts });
for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
process.stdout.write(`seed ${SEED}, ${CHAIN}, ${header.seconds} s; ${file}\n`);
process.exitCode = header.ok ? 0 : 1;
