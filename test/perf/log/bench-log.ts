/**
 * The store beside Tessera's POSIX driver: same disk, entries, size and durability, rounds in turn, each side with the batch size that suits it best;
 * and the cost of an entry from 1e4 to 1e7. Writes bench-log.json into ATTESTREAM_HOME, also when it fails.
 * Run: make bench-log
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { generateLogKey, LogStore, noteSigner } from '#libs/log';
import { repositoryRoot } from '#libs/stack';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { appendAll, attestreamRound, entriesOf, entryOf, tesseraRound, type Round, type RoundResult } from './rounds.js';
import { createSparseLog } from './sparse-log.js';

const entryBytes = 120; // about an entry of audit-log
const entries = 100_000;
const batches = [1024, 4096, 16_384, 65_536];
const mostRounds = 5;
const fewestRounds = 3;
/** No round begins later than this. */
const roundsUntilSeconds = 150;
const curveSizes = [1e4, 1e5, 1e6, 1e7];
const curveEntries = 40_960;
const curveBatch = 4096;
const curveRounds = 5;
/** An entry may cost this much of what it costs in the smallest log. */
const flat = 1.5;
const wantedRatio = 2;

const startedAt = new Date();
const elapsed = (): number => (Date.now() - startedAt.getTime()) / 1000;
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
mkdirSync(home, { recursive: true, mode: 0o700 });
const work = mkdtempSync(join(home, 'bench-log-'));
const signer = noteSigner(generateLogKey('bench.example/attestream').privateKey);
const say = (line: string): void => void process.stderr.write(`  bench    ${line}\n`);
let logs = 0;
/** A folder for the next log; all stay until the end. */
const nextDir = (name: string): string => join(work, `${name}-${logs++}`);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const check = (id: string, ok: boolean, want: string, got: string): Check => ({ id, ok, want, got });

type Side = (round: Round) => Promise<RoundResult>;

/** Two rounds with each batch size; the one that was fastest in either. */
async function bestBatch(name: string, side: Side): Promise<number> {
  const rates = new Map<number, number>();
  for (const batch of [...batches, ...batches]) rates.set(batch, Math.max(rates.get(batch) ?? 0, (await side({ entries, entryBytes, batch })).perSecond));
  const [best] = [...rates].toSorted(([, a], [, b]) => b - a)[0]!;
  say(`${name}: batches of ${best} (${[...rates].map(([batch, rate]) => `${batch}: ${Math.round(rate)}/s`).join(', ')})`);
  return best;
}

/** CPU time of one entry, appended and published, in a log of `size`. Whatever else the machine does can only add to it: the least of several rounds counts. */
async function costAt(size: number): Promise<number> {
  const dir = nextDir('sparse');
  await createSparseLog({ dir, origin: signer.name, size, entry: (index) => entryOf(index, entryBytes) });
  const store = await LogStore.open({ dir });
  const made = entriesOf(size, curveEntries, entryBytes);
  const before = process.cpuUsage();
  // each batch published: the same work at each size, however slow the disk is at the moment
  await appendAll(store, made, curveBatch, signer, () => true);
  const { user, system } = process.cpuUsage(before);
  await store.close();
  return (user + system) / curveEntries;
}

async function bench(report: Record<string, unknown>, checks: Check[]): Promise<void> {
  const tools = execFileSync(join(repositoryRoot, 'scripts/install-go-tools'), [join(repositoryRoot, 'test/perf/log/tessera')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const filesystem = execFileSync('findmnt', ['--noheadings', '--output', 'FSTYPE', '--target', work], { encoding: 'utf8' }).trim();
  say(`load average ${loadavg().map((load) => load.toFixed(1)).join(' ')}, ${filesystem}`);
  const ours: Side = (round) => attestreamRound(nextDir('attestream'), signer, round);
  const theirs: Side = (round) => tesseraRound(tools, nextDir('tessera'), round);
  const [ourBatch, theirBatch] = [await bestBatch('attestream', ours), await bestBatch('tessera', theirs)];

  const rounds: { attestream: RoundResult; tessera: RoundResult }[] = [];
  while (rounds.length < mostRounds && (rounds.length < fewestRounds || elapsed() < roundsUntilSeconds)) {
    const round = { attestream: await ours({ entries, entryBytes, batch: ourBatch }), tessera: await theirs({ entries, entryBytes, batch: theirBatch }) };
    rounds.push(round);
    say(`round ${rounds.length}: attestream ${Math.round(round.attestream.perSecond)}/s, tessera ${Math.round(round.tessera.perSecond)}/s`);
  }
  const fsync = 'files and folders, before a checkpoint is published';
  const row = (impl: 'attestream' | 'tessera', version: string, batch: number) => {
    const perSecond = rounds.map((round) => Math.round(round[impl].perSecond));
    return { impl, version, entries, entryBytes, fsync, filesystem, batch, rounds: perSecond, median: median(perSecond) };
  };
  const rows = [row('attestream', reportHeader('', startedAt, []).commit ?? 'unknown', ourBatch), row('tessera', 'v1.0.4', theirBatch)];
  const ratio = Math.round((rows[0]!.median / rows[1]!.median) * 100) / 100;
  const roots = new Set(rounds.flatMap(({ attestream, tessera }) => [attestream.root, tessera.root]));
  Object.assign(report, { rows, ratio });
  checks.push(check('same-tree', roots.size === 1, 'one root on both sides in every round', `${roots.size}`));
  checks.push(check('ratio', ratio >= wantedRatio, `>= ${wantedRatio}`, `${ratio}`));

  const costs = new Map(curveSizes.map((size) => [size, [] as number[]]));
  for (let i = 0; i < curveRounds; i++) for (const size of curveSizes) costs.get(size)!.push(await costAt(size));
  const costCurve = curveSizes.map((size) => ({ size, microsPerEntry: Math.round(Math.min(...costs.get(size)!) * 100) / 100 }));
  const micros = costCurve.map(({ microsPerEntry }) => microsPerEntry);
  const spread = Math.max(...micros) / micros[0]!;
  Object.assign(report, { costCurve });
  checks.push(check('flat', spread <= flat, `no size dearer than ${flat} x the smallest`, spread.toFixed(2)));
  Object.assign(report, { loadAverage: loadavg().map((load) => Math.round(load * 10) / 10) });
  console.table(rows.map(({ impl, batch, rounds: all, median: middle }) => ({ log: impl, batch, 'entries/s': middle, rounds: all.join(' ') })));
  console.table(costCurve.map(({ size, microsPerEntry }) => ({ size, 'CPU us an entry': microsPerEntry })));
}

const report: Record<string, unknown> = {};
const checks: Check[] = [];
try {
  await bench(report, checks);
} catch (error) {
  checks.push(check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error)));
} finally {
  rmSync(work, { recursive: true });
}
const header = reportHeader('attestream/bench-log/1', startedAt, checks);
writeJson(join(home, 'bench-log.json'), { ...header, ...report });
for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
process.stdout.write(`${header.seconds} s, load average ${loadavg()[0]!.toFixed(1)}; ${join(home, 'bench-log.json')}\n`);
process.exitCode = header.ok ? 0 : 1;
