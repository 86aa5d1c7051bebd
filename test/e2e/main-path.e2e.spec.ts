import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { anchoredHead, logIdOf, readDeployment } from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { EventCodec, registerSchemas } from '#libs/events';
import type { ServiceView } from '#libs/icinga';
import { HttpTiles, noteVerifier, openCheckpoint } from '#libs/log';
import { canBind, freePorts } from '#libs/stack';
import { connectKafka } from '#libs/stream';
import { recount, sourceEnds } from '../../apps/cli/src/once/recount.js';
import { icingaViewer } from '../../apps/cli/src/watch/icinga-states.js';
import { until } from '../support/gate-until.js';

const ROOT = join(import.meta.dirname, '../..');
/** A registration counts after the registry's lag, a window takes an epoch, and other tests take the cores. */
const PATIENCE_MS = 360_000;
const home = mkdtempSync(join(tmpdir(), 'attestream-main-'));
const output: string[] = [];
let env: NodeJS.ProcessEnv;
let running: ChildProcess;

/** The command that `make run` ends in, on ports and a folder of its own, with one household. */
function cli(...args: string[]): ChildProcess {
  return spawn(join(ROOT, 'bin/node'), ['--enable-source-maps', 'dist/apps/cli/src/main.js', ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; text: string }> {
  const said: string[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => said.push(String(chunk)));
  const [code] = await once(child, 'close') as [number | null];
  return { code, text: said.join('') };
}

beforeAll(async () => {
  execFileSync('make', ['build'], { cwd: ROOT, stdio: 'pipe' });
  let base: number;
  do [base] = (await freePorts(1)) as [number];
  while (base > 32_600 || !(await Promise.all([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 20].map((offset) => canBind(base + offset)))).every(Boolean));
  env = { ...process.env, ATTESTREAM_HOME: home, ATTESTREAM_PORT_BASE: String(base), ATTESTREAM_HOUSEHOLDS: '1' };
  running = cli('run');
  for (const stream of [running.stdout!, running.stderr!]) stream.on('data', (chunk) => output.push(String(chunk)));
}, PATIENCE_MS);

afterAll(async () => {
  if (running.exitCode === null && running.signalCode === null) {
    running.kill('SIGTERM');
    await once(running, 'close');
  }
  rmSync(home, { recursive: true, force: true });
}, PATIENCE_MS);

interface Endpoints {
  supervisor: { pid: number };
  kafka: { brokers: string };
  registry: { url: string };
  chain: { rpcUrl: string };
  log: { url: string; origin: string; vkeyFile: string };
  icinga: { url: string; caFile: string; viewerCredentialsFile: string };
}

const endpoints = (): Endpoints => JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8')) as Endpoints;

async function services(): Promise<ServiceView[]> {
  const viewer = icingaViewer(endpoints().icinga);
  try {
    return await viewer.services();
  } finally {
    await viewer.close();
  }
}

/** Processes that the command started, with their command lines. */
function parts(): { pid: number; command: string }[] {
  const supervisor = endpoints().supervisor.pid;
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))!;
      return Number(parent) === supervisor ? [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** A state in Icinga2 that came from a verified event, later than this time. */
async function stateAfter(time: number): Promise<ServiceView> {
  let found: ServiceView | undefined;
  try {
    await until('a state in Icinga2', async () => {
      await delay(500); // a look costs a TLS connection
      if (!existsSync(join(home, 'endpoints.json'))) return false;
      found = (await services().catch(() => [])).find(({ active, state, executionStart }) => !active && state !== 'PENDING' && executionStart > time);
      return found !== undefined;
    }, PATIENCE_MS);
  } catch (error) {
    throw new Error(`the command said:\n${output.join('').slice(-3000)}`, { cause: error });
  }
  return found!;
}

/** Size of the served checkpoint, its signature checked; 0 while there is none. */
async function publishedSize(): Promise<number> {
  const { url, vkeyFile } = endpoints().log;
  try {
    return openCheckpoint(await new HttpTiles(url).checkpoint(), noteVerifier(readFileSync(vkeyFile, 'utf8').trim())).size;
  } catch (error) {
    if (isAtsError(error, 'ATS_TILE_MISSING') || isAtsError(error, 'ATS_LOG_UNREACHABLE')) return 0; // not yet, or its server was just killed
    throw error;
  }
}

it('a sensor\'s reading, proven and verified, is a check in Icinga2 and a leaf of an anchored log; a killed gate and a killed log go on; every record has one verdict; an audit finds all in order; Ctrl-C leaves nothing behind', async () => {
  const first = await stateAfter(0);
  expect(first.performanceData.length).toBeGreaterThan(0);

  const second = await ended(cli('run'));
  expect(second.code).toBe(1);
  expect(second.text.trim().split('\n')).toEqual([expect.stringMatching(/^ATS_ALREADY_RUNNING: /)]);

  for (const app of ['proof-gate', 'chain-anchor']) process.kill(parts().find(({ command }) => command.includes(`apps/${app}/`))!.pid, 'SIGKILL');
  await stateAfter(Date.now());
  for (const app of ['proof-gate', 'chain-anchor']) expect(output.join('')).toContain(`${app} ended (SIGKILL); starting it again`);

  const { kafka: { brokers }, registry } = endpoints();
  const kafka = connectKafka({ brokers: [brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
  const codec = EventCodec.fromIds(await registerSchemas(registry.url));
  const ends = await sourceEnds(kafka);
  let counted = 0;
  await until('one verdict on each record', async () => {
    const { accounts, faults } = await recount(kafka, codec, ends);
    counted = accounts.length;
    return accounts.length > 0 && faults.length === 0;
  }, 60_000);
  kafka.close();

  await until('every one of them is a leaf', async () => (await publishedSize()) >= counted, PATIENCE_MS);
  const { chain: { rpcUrl }, log: { origin } } = endpoints();
  const deployment = readDeployment(join(home, 'deployment.json'));
  await until('they are anchored for good', async () => ((await anchoredHead({ rpcUrl, deployment, logId: logIdOf(origin), block: 'finalized' }))?.size ?? 0) >= counted, PATIENCE_MS);
  const audit = await ended(cli('audit'));
  expect(audit).toMatchObject({ code: 0 });

  const all = parts();
  expect(all.length).toBeGreaterThanOrEqual(9);
  running.kill('SIGINT');
  const [code] = await once(running, 'close') as [number | null];
  expect(code).toBe(0);
  expect(all.filter(({ pid }) => existsSync(`/proc/${pid}`))).toEqual([]);
}, PATIENCE_MS * 5);
