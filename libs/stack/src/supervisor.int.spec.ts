import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endOrphans, identityOf, lockDataFolder, repositoryRoot, startPart, Supervisor, type SupervisorEvent } from './index.js';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'supervisor-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const shell = (script: string, logFile = join(dir, 'x.log')) => (signal: AbortSignal) =>
  startPart({ name: 'x', program: '/bin/sh', args: ['-c', script], logFile, signal, stopSeconds: 2, ready: (log) => log().includes('up') });

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition never came');
    await delay(20);
  }
}

it('a killed part is started again and counted; a stopped one is not', async () => {
  const events: SupervisorEvent[] = [];
  const supervisor = new Supervisor({ runDir: join(dir, 'run'), onEvent: (event) => events.push(event) });
  const first = await supervisor.run('x', shell('echo up; exec sleep 60'));
  first.kill('SIGKILL');
  await until(() => supervisor.status()[0]?.restarts === 1);
  expect(supervisor.part('x')?.pid).not.toBe(first.pid);
  expect(events.map(({ type }) => type)).toEqual(['started', 'ended', 'started']);
  await supervisor.stop();
  expect(supervisor.status()).toMatchObject([{ state: 'stopped', restarts: 1 }]);
  expect(readdirSync(join(dir, 'run'))).toEqual([]);
});

it('parts end in reverse order, each gone before the next', async () => {
  const supervisor = new Supervisor({ runDir: join(dir, 'run') });
  const log = join(dir, 'order');
  for (const name of ['a', 'b', 'c']) {
    await supervisor.run(name, shell(`trap 'sleep 0.1; echo ${name} >> ${log}; exit 0' TERM; echo up; while :; do sleep 0.05; done`, join(dir, `${name}.log`)));
  }
  await supervisor.stop();
  expect(readFileSync(log, 'utf8')).toBe('c\nb\na\n');
});

it('a part that cannot start fails the first run and leaves nothing behind', async () => {
  const supervisor = new Supervisor({ runDir: join(dir, 'run') });
  await expect(supervisor.run('x', shell('echo broken; exit 1'))).rejects.toThrow('ATS_PART_FAILED');
  await supervisor.stop();
});

it('an orphan is ended, and a stranger under its old pid is left alone', async () => {
  const runDir = join(dir, 'run');
  const orphan = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  await until(() => identityOf(orphan.pid ?? -1) !== undefined && identityOf(stranger.pid ?? -1) !== undefined);
  await endOrphans(runDir);
  writeFileSync(join(runDir, 'orphan.pid'), `${orphan.pid} ${identityOf(orphan.pid ?? -1)?.startTicks}\n`);
  writeFileSync(join(runDir, 'stranger.pid'), `${stranger.pid} 1\n`);
  writeFileSync(join(runDir, 'torn.pid'), '');
  expect(await endOrphans(runDir, 2)).toEqual(['orphan']);
  expect(identityOf(orphan.pid ?? -1)).toBeUndefined();
  expect(identityOf(stranger.pid ?? -1)).toBeDefined();
  expect(readdirSync(runDir)).toEqual([]);
  stranger.kill('SIGKILL');
});

it('a part does not outlive a supervisor that is killed outright', async () => {
  const marker = join(dir, 'pid');
  const script = `
    import { writeFileSync } from 'node:fs';
    import { startPart } from ${JSON.stringify(join(repositoryRoot, 'libs/stack/src/part.ts'))};
    const { pid } = await startPart({ name: 'x', program: '/bin/sh', args: ['-c', 'echo up; exec sleep 60'], logFile: ${JSON.stringify(join(dir, 'x.log'))}, ready: (log) => log().includes('up') });
    writeFileSync(${JSON.stringify(marker)}, pid + '\\n');
    setInterval(() => undefined, 2 ** 30);
  `;
  const parent = spawn(process.execPath, ['--import', './bin/typescript.mjs', '--input-type=module', '--eval', script], { cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'inherit'] });
  let pid: number | undefined;
  try {
    await until(() => existsSync(marker) && readFileSync(marker, 'utf8').endsWith('\n'));
    pid = Number(readFileSync(marker, 'utf8'));
    expect(identityOf(pid)).toBeDefined();
    parent.kill('SIGKILL');
    await until(() => parent.signalCode === 'SIGKILL');
    await until(() => identityOf(pid!) === undefined);
  } finally {
    parent.kill('SIGKILL');
    if (pid !== undefined && identityOf(pid)) process.kill(pid, 'SIGKILL');
  }
});

it('a data folder serves one supervisor at a time', async () => {
  const first = await lockDataFolder(dir);
  await expect(lockDataFolder(join(dir, '.'))).rejects.toThrow(/^ATS_ALREADY_RUNNING: .*another instance uses this data folder.*\. /);
  await first.release();
  await (await lockDataFolder(dir)).release();
});

it('a stop while a part is being started waits until it is gone', async () => {
  const supervisor = new Supervisor({ runDir: join(dir, 'run') });
  const pidFile = join(dir, 'pid');
  const starting = supervisor.run('x', shell(`echo $$ > ${pidFile}; exec sleep 60`));
  starting.catch(() => undefined);
  await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
  await supervisor.stop();
  expect(identityOf(Number(readFileSync(pidFile, 'utf8')))).toBeUndefined();
  await expect(starting).rejects.toThrow('aborted');
});
