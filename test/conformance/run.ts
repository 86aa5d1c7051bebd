/**
 * Foreign tools on our log, ours on foreign logs, and each on tampered copies that it must refuse. Writes conformance.json into ATTESTREAM_HOME,
 * also when it fails; its last line counts the checks. Exits 0 only when all hold.
 * Run: make conformance
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { repositoryRoot } from '#libs/stack';
import { reportHeader, type Check } from '../../apps/cli/src/once/report.js';
import { writeJson } from '../../apps/cli/src/write-json.js';
import { OurLog } from './our-log.js';
import { oursOnTheirs } from './ours-on-theirs.js';
import { theirsOnOurs } from './theirs-on-ours.js';
import { ForeignTools, type Row } from './tool.js';
import { cosignedLog, LiteWitness } from './witness.js';

/** As many rows as a whole run has: one that breaks off must not pass for one that is complete. */
const WANTED_ROWS = 16;

const startedAt = new Date();
const tools: Row[] = [];
const failures: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'attestream-conformance-'));

function add(row: Row): void {
  tools.push(row);
  const open = Object.entries(row.tampered).filter(([, refused]) => !refused).map(([what]) => what);
  console.log(`  ${row.accepted && row.tamperedRefused ? 'ok' : '--'}  ${row.name} (${row.version}): ${row.accepted ? 'accepted' : `NOT ACCEPTED: ${row.said}`}, ${Object.keys(row.tampered).length - open.length} of ${Object.keys(row.tampered).length} tampered refused${open.length > 0 ? `; ACCEPTED: ${open.join(', ')}` : ''}`);
}

/** A stage that throws fails its rows, not those of the others. */
async function stage(name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    failures.push(`${name}: ${(error as Error).message}`);
    console.log(`  --  ${name}: ${(error as Error).stack}`);
  }
}

let log: OurLog | undefined;
let witness: LiteWitness | undefined;
await stage('set-up', async () => {
  const programs = ForeignTools.install();
  log = await OurLog.start(folder);
  witness = await LiteWitness.start(programs, folder);
  const [ours, lite] = [log, witness];
  await stage('litewitness', () => cosignedLog(ours, lite, add));
  await stage('foreign tools on our log', () => theirsOnOurs(programs, ours, `log ${ours.key.vkey}\nwitness w ${lite.vkey}\nquorum w\n`, add));
  await stage('ours on foreign logs', () => oursOnTheirs(programs, ours, add));
});
await stage('clean-up', async () => {
  await witness?.stop();
  await log?.close();
  rmSync(folder, { recursive: true });
});

const checks: Check[] = [
  ...tools.flatMap(({ name, accepted, tamperedRefused, tampered, said }) => [
    { id: `${name}: accepts`, ok: accepted, want: 'accepted', got: accepted ? 'accepted' : said },
    { id: `${name}: refuses`, ok: tamperedRefused, want: 'every tampered copy refused', got: Object.entries(tampered).map(([what, refused]) => `${what}: ${refused ? 'refused' : 'ACCEPTED'}`).join('; ') },
  ]),
  { id: 'complete', ok: tools.length === WANTED_ROWS && failures.length === 0, want: `${WANTED_ROWS} rows`, got: [`${tools.length} rows`, ...failures].join('; ') },
];
const header = reportHeader('attestream/conformance/1', startedAt, checks);
writeJson(join(resolve(process.env['ATTESTREAM_HOME'] ?? join(repositoryRoot, '.attestream')), 'conformance.json'), { ...header, tools });
const passed = checks.filter(({ ok }) => ok).length;
console.log(`${passed} passed, ${checks.length - passed} failed`);
process.exitCode = header.ok ? 0 : 1;
