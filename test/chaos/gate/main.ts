/**
 * `make chaos`: SEED, KILLS, BROKER_KILLS, EVICTIONS, VALID, BAD, KAFKA (cluster, single) and BOUND_SECONDS bound it; the report is .attestream/chaos.json. KEEP=1 leaves
 * all data where they were. The single node is about what its broker forgets: its run is smaller.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryRoot } from '#libs/stack';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { chaos } from './chaos.js';
import { ChaosWorld } from './world.js';

const count = z.coerce.number().int().nonnegative();
const USUAL = {
  cluster: { kills: 110, brokerKills: 6, evictions: 8, valid: 20_000, bad: 2_000 },
  single: { kills: 30, brokerKills: 5, evictions: 3, valid: 5_000, bad: 500 },
} as const;
const { KAFKA } = z.object({ KAFKA: z.enum(['cluster', 'single']).default('cluster') }).parse(process.env);
const usual = USUAL[KAFKA];
const { SEED, KILLS, BROKER_KILLS, EVICTIONS, VALID, BAD, BOUND_SECONDS, KEEP } = z.object({
  SEED: count.default(5), KILLS: count.default(usual.kills), BROKER_KILLS: count.default(usual.brokerKills), EVICTIONS: count.default(usual.evictions),
  VALID: count.default(usual.valid), BAD: count.default(usual.bad), BOUND_SECONDS: count.default(1_500), KEEP: z.enum(['', '0', '1']).default(''),
}).parse(process.env);
const GATES = 3;

const say = (line: string): void => void process.stderr.write(`  chaos    ${line}\n`);
const startedAt = new Date();
const checks: Check[] = [];
const hold = (id: string, ok: boolean, want: unknown, got: unknown): void => void checks.push({ id, ok, want: String(want), got: String(got) });
const some = (list: readonly string[]): string => (list.length === 0 ? 'none' : `${list.length}: ${list.slice(0, 3).join('; ')}`);
let counts: object = {};
try {
  say('starting brokers, registry, Ethereum node and Icinga2');
  const world = await ChaosWorld.start({ kafka: KAFKA, seed: SEED, gates: GATES, keep: KEEP === '1', say });
  const stopped = stopOnSignal(world);
  try {
    const { ok: _, seconds: __, ...result } = await chaos(world, {
      seed: SEED, valid: VALID, bad: BAD, kills: KILLS, evictions: EVICTIONS, brokerKills: BROKER_KILLS, seconds: BOUND_SECONDS, onProgress: say,
    });
    counts = result;
    const { kills, evictions, produced, resent, verdicts, auditEntries, checkpoints, audit } = result;
    const killed = kills.gate + kills.sink + kills.anchor + kills.indexer;
    const messages = produced.valid + produced.bad + resent;
    hold('kills of apps', killed >= KILLS, `at least ${KILLS}`, `${killed}: ${JSON.stringify(kills)}`);
    hold('kills of brokers', kills.broker >= BROKER_KILLS, `at least ${BROKER_KILLS}`, kills.broker);
    hold('evictions', evictions >= EVICTIONS, `at least ${EVICTIONS}`, evictions);
    hold('produced', produced.valid >= VALID && produced.bad >= BAD, `${VALID} valid, ${BAD} bad`, `${produced.valid} valid, ${produced.bad} bad, ${resent} sent again`);
    hold('at rest within the bound', result.atRest, true, result.waitsFor ?? true);
    hold('hanging transactions', result.hanging.length === 0, 'none at the end', `${some(result.hanging)}; ${result.repairs.length} repaired at a start`);
    hold('one verdict a message', verdicts === messages, messages, verdicts);
    hold('one audit entry a message', auditEntries === messages, messages, auditEntries);
    hold('one verified event a valid message', result.verifiedEvents === produced.valid, produced.valid, result.verifiedEvents);
    for (const name of ['missing', 'duplicated', 'unlogged', 'outOfOrder', 'icingaMismatch', 'wrong'] as const) hold(name, result[name].length === 0, 'none', some(result[name]));
    hold('checkpoints consistent', checkpoints.signed > 0 && checkpoints.inconsistent === 0, 'all', `${checkpoints.signed} signed, ${checkpoints.inconsistent} inconsistent`);
    hold('audit', audit?.ok === true && audit.entries === auditEntries + result.recorded, `green over ${auditEntries + result.recorded} entries`, `${audit?.ok ? 'green' : result.auditDetail} over ${audit?.entries} entries`);
  } finally {
    stopped.off();
    await world.stop();
    if (KEEP === '1') say(`data are kept in ${world.dir}`);
  }
} catch (error) {
  hold('finished', false, 'the whole run', error instanceof Error ? error.message : error);
}
const file = join(process.env.ATTESTREAM_HOME ?? join(repositoryRoot, '.attestream'), 'chaos.json');
const header = reportHeader('attestream/chaos/1', startedAt, checks);
writeJson(file, { ...header, seed: SEED, kafka: KAFKA, ...counts });
for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
process.stdout.write(`seed ${SEED}, ${KAFKA}, ${header.seconds} s; ${file}\n`);
process.exit(header.ok ? 0 : 1);

/** Ctrl-C ends the processes too; the data go with them. */
function stopOnSignal(world: ChaosWorld): { off(): void } {
  const stop = (): void => void world.stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  return { off: () => { for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop); } };
}
