import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHousehold, createSensor, loadHousehold } from '#libs/edge';
import { lockDataFolder } from '#libs/stack';
import { layoutOf, type Layout } from '../layout.js';
import { destroyFolder } from './destroy.js';
import { erase } from './erase.js';

let home: string;
let layout: Layout;
const said: string[] = [];
const say = (line: string) => void said.push(line);

const template = mkdtempSync(join(tmpdir(), 'attestream-households-'));

beforeAll(async () => {
  const made = layoutOf({ home: template, portBase: 20_000, households: 2 });
  for (const name of made.households) {
    const { keys, sensor, outbox } = made.household(name);
    const { secret } = await createHousehold(keys);
    createSensor(sensor, { secret });
    mkdirSync(outbox, { recursive: true });
    writeFileSync(join(outbox, 'journal'), 'readings');
  }
});
afterAll(() => rmSync(template, { recursive: true }));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'attestream-erase-'));
  cpSync(template, home, { recursive: true });
  layout = layoutOf({ home, portBase: 20_000, households: 2 });
  said.length = 0;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('one household\'s keys, sensor and outbox are gone, another\'s are whole, and it is said what remains', async () => {
  const other = loadHousehold(layout.household('home-2').keys);
  await erase(layout, 'home-1', say);
  expect(existsSync(join(home, 'households/home-1'))).toBe(false);
  expect(loadHousehold(layout.household('home-2').keys)).toEqual(other);
  expect(said.join('\n')).toMatch(/destroyed: 6 files.*pseudonym.*backups.*revoked/s);
});

it('the bytes are overwritten before the names go', async () => {
  const folder = join(home, 'gone');
  mkdirSync(folder);
  const secret = Buffer.alloc(200_000, 'secret');
  writeFileSync(join(folder, 'key'), secret);
  const holder = await holding(join(folder, 'key'));
  const ended = once(holder, 'close');
  let left: Buffer;
  try {
    destroyFolder(folder);
    left = readFileSync(`/proc/${holder.pid}/fd/3`); // the file itself, without its name
  } finally {
    holder.kill('SIGKILL');
    await ended;
  }
  expect(left).toHaveLength(secret.length);
  expect(left.includes('secret')).toBe(false);
});

it('a link is removed and what it points to is left alone', () => {
  const folder = join(home, 'linked');
  mkdirSync(folder);
  writeFileSync(join(home, 'elsewhere'), 'mine');
  writeFileSync(join(home, 'twice'), 'mine too');
  symlinkSync(join(home, 'elsewhere'), join(folder, 'link'));
  linkSync(join(home, 'twice'), join(folder, 'hard'));
  expect(destroyFolder(folder)).toBe(2);
  expect([readFileSync(join(home, 'elsewhere'), 'utf8'), readFileSync(join(home, 'twice'), 'utf8')]).toEqual(['mine', 'mine too']);
});

it('erasing again does nothing more and says so', async () => {
  await erase(layout, 'home-1', say);
  said.length = 0;
  await erase(layout, 'home-1', say);
  expect(said[0]).toMatch(/^the keys of home-1 were destroyed before: .*erasedAt/);
});

it('an erasure that was interrupted is finished by the next', async () => {
  rmSync(join(layout.household('home-1').keys, 'secret'));
  await erase(layout, 'home-1', say);
  expect(existsSync(join(home, 'households/home-1'))).toBe(false);
});

it.each(['nobody', '../home-1', '', 'home-1/keys'])('%j is no household: nothing is touched', async (name) => {
  await expect(erase(layout, name, say)).rejects.toMatchObject({ code: 'ATS_HOUSEHOLD_UNKNOWN' });
  expect(existsSync(layout.household('home-1').keys)).toBe(true);
});

it('refused while make run uses the folder', async () => {
  const lock = await lockDataFolder(home);
  await expect(erase(layout, 'home-1', say)).rejects.toMatchObject({ code: 'ATS_HOUSEHOLD_IN_USE' });
  await lock.release();
  expect(loadHousehold(layout.household('home-1').keys)).toBeDefined();
});

it('refused while an agent of the household runs, whoever started it; possible once it has ended', async () => {
  const agent = spawn('sleep', ['600'], { env: { PATH: process.env['PATH'], ATTESTREAM_HOUSEHOLD_DIR: layout.household('home-1').keys } });
  const ended = once(agent, 'close');
  try {
    await once(agent, 'spawn');
    await expect(erase(layout, 'home-1', say)).rejects.toMatchObject({ code: 'ATS_HOUSEHOLD_IN_USE' });
  } finally {
    agent.kill('SIGKILL');
    await ended;
  }
  await erase(layout, 'home-1', say);
});

/** A process that holds the file open as descriptor 3. */
async function holding(file: string) {
  const child = spawn('sh', ['-c', 'exec 3<"$0"; echo open; exec sleep 600', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return child;
}
