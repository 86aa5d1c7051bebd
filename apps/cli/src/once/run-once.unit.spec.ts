import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, lockDataFolder, repositoryRoot } from '#libs/stack';
import { layoutOf, type Layout } from '../layout.js';
import type { Stack } from '../setup/bring-up.js';
import type { Observer } from '../watch/observer.js';
import { Once } from './once.js';
import type { ReportHeader } from './report.js';
import { runOnce } from './run-once.js';

let layout: Layout;
beforeEach(async () => {
  const [portBase] = await freePorts(1);
  layout = layoutOf({ home: mkdtempSync(join(tmpdir(), 'once-')), portBase: portBase!, households: 3 });
  writeFileSync(layout.reportFile, '{"ok":true}');
});
afterEach(() => rmSync(layout.home, { recursive: true, force: true }));

const stopped = AbortSignal.abort();
const ignore = () => undefined;
const report = () => JSON.parse(readFileSync(layout.reportFile, 'utf8')) as ReportHeader;

it('a run that is stopped before its job leaves a report that says so, not the one of before', async () => {
  await expect(runOnce({ layout, logLevel: 'error', seed: 1, keep: false, say: ignore, signal: stopped })).rejects.toMatchObject({ code: 'ATS_STAGE_MISSING' });
  expect(report()).toMatchObject({ schema: 'attestream/report/1', ok: false, checks: [{ id: 'parts', ok: false, got: expect.stringContaining('stopped') as string }] });
  expect(existsSync(layout.dir('kafka'))).toBe(false);
});

it("another instance's report is left alone", async () => {
  const lock = await lockDataFolder(layout.home);
  await expect(runOnce({ layout, logLevel: 'error', seed: 1, keep: false, say: ignore, signal: stopped })).rejects.toMatchObject({ code: 'ATS_ALREADY_RUNNING' });
  await lock.release();
  expect(report()).toEqual({ ok: true });
});

it('a job that ends early shows the table, then says that its report is not ok', async () => {
  const lines: string[] = [];
  const once = new Once({ layout, say: (line) => lines.push(line), signal: stopped, seed: 1 });
  const stack = { supervisor: { status: () => [] }, households: [], parameters: { statements: [{ epochSeconds: 30 }] } } as unknown as Stack;
  const totals = { produced: new Map(), verified: new Map(), rejected: new Map() };
  const snapshot = { seconds: 5, totals, chainBlocks: 7, states: undefined, latency: undefined, parts: [], waiting: new Map(), messages: [] };
  const observer = { startedAt: 0, tally: { verifiedSince: () => 0 }, services: () => [], latency: ignore, log: ignore, snapshot: () => snapshot } as unknown as Observer;
  await expect(once.run(stack, observer)).rejects.toMatchObject({ code: 'ATS_STAGE_MISSING' });
  expect(report()).toMatchObject({ ok: false, checks: expect.arrayContaining([expect.objectContaining({ id: 'first-verified', ok: false })]) as unknown[] });
  const table = lines.findIndex((line) => line.startsWith('Attestream   00:00:05   7 blocks'));
  expect(table).toBeGreaterThan(lines.findIndex((line) => line.startsWith('  FAIL first-verified')));
  expect(lines.findIndex((line) => line.startsWith('failed: '))).toBeGreaterThan(table);
});

it('make run ONCE=1 forgets the report of before ahead of all else; make run keeps it', () => {
  const commands = (...variables: string[]) => execFileSync('make', ['-n', 'run', `ATTESTREAM_HOME=${layout.home}`, ...variables], { cwd: repositoryRoot, encoding: 'utf8' }).split('\n');
  expect(commands('ONCE=1')[0]).toBe(`rm -f -- '${layout.reportFile}'`);
  for (const variables of [[], ['ONCE=0']]) expect(commands(...variables).join('\n')).not.toContain('report.json');
});
