import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHousehold, createSensor, isSignedWindow, type SensorEnrolment, type SignedWindow } from '#libs/edge';
import type { AtsError } from '#libs/errors';
import { SensorLink, type Hello } from './sensor-link.js';

const ROOT = join(import.meta.dirname, '../../../..');
const SENSOR = [join(ROOT, 'bin/node'), '--import', join(ROOT, 'bin/typescript.mjs'), join(ROOT, 'apps/edge-agent/src/sensor/main.ts')];
const EPOCH_SECONDS = 4;

let folder: string;
let sensorFolder: string;
let enrolment: SensorEnrolment;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sensor-'));
  sensorFolder = join(folder, 'sensor');
  const { secret } = await createHousehold(join(folder, 'household'));
  enrolment = createSensor(sensorFolder, { secret, epochSeconds: EPOCH_SECONDS });
});
afterEach(() => { rmSync(folder, { recursive: true }); });

/** Runs a link until `enough`; `onWindow` sees each window that the sensor offers. */
async function run(command: string[], parts: { onWindow?(window: SignedWindow, link: SensorLink): Promise<void>; enough(seen: { windows: SignedWindow[]; hellos: Hello[]; gone: AtsError[] }): boolean }) {
  const seen = { windows: [] as SignedWindow[], hellos: [] as Hello[], gone: [] as AtsError[], said: [] as string[] };
  const stop = new AbortController();
  const check = () => { if (parts.enough(seen)) stop.abort(); };
  const link: SensorLink = new SensorLink({
    command: [...command, sensorFolder],
    onHello: (hello) => { seen.hellos.push(hello); check(); },
    onWindow: async (window) => {
      seen.windows.push(window);
      await parts.onWindow?.(window, link);
      check();
    },
    onSay: (line) => seen.said.push(line),
    onGone: (error) => { seen.gone.push(error); check(); },
  });
  link.want(['load', 'open-files']);
  await link.run(stop.signal);
  return { ...seen, link };
}

describe('a sensor process', () => {
  it('signs each stream and epoch once across SIGKILLs, offers again what was not taken, and ends with its agent', async () => {
    const killed = new Set<string>();
    const { windows, hellos, gone, link } = await run(SENSOR, {
      // killed before it can learn that its window was taken, and killed again after: three lives
      onWindow: async ({ stream, epoch }, { pid }) => {
        if (killed.size >= 2 || killed.has(`${stream}/${epoch}`)) return;
        killed.add(`${stream}/${epoch}`);
        process.kill(pid!, 'SIGKILL');
      },
      enough: (seen) => seen.hellos.length === 3 && new Set(seen.windows.map(({ epoch }) => epoch)).size >= 3,
    });
    expect(hellos.length).toBe(3);
    expect(hellos[0]).toMatchObject({ publicKey: enrolment.publicKey, epochSeconds: EPOCH_SECONDS });
    expect(gone.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringMatching(/^ATS_SENSOR_GONE: .*SIGKILL/)));

    const byEpoch = new Map<string, SignedWindow[]>();
    for (const window of windows) {
      expect(isSignedWindow(window)).toBe(true);
      const name = `${window.stream}/${window.epoch}`;
      byEpoch.set(name, [...byEpoch.get(name) ?? [], window]);
    }
    for (const offers of byEpoch.values()) for (const offer of offers) expect(offer).toEqual(offers[0]);
    for (const name of killed) expect(byEpoch.get(name)!.length).toBeGreaterThan(1);
    // a pid is freed only when the process has ended
    expect(link.pid).toBeUndefined();
  });

  it('is alone with its key', async () => {
    await run(SENSOR, {
      enough: (seen) => seen.windows.length > 0,
      onWindow: async () => {
        const second = spawn(SENSOR[0]!, [...SENSOR.slice(1), sensorFolder], { stdio: ['pipe', 'ignore', 'pipe'] });
        let text = '';
        second.stderr.on('data', (chunk) => { text += String(chunk); });
        const [code] = await once(second, 'close') as [number];
        expect([code, text]).toEqual([1, expect.stringMatching(/ATS_ALREADY_RUNNING/)]);
      },
    });
  });
});

describe('the link to a sensor', () => {
  it('names a program that cannot be started, and tries again', async () => {
    const { gone } = await run([join(folder, 'no-such-program')], { enough: (seen) => seen.gone.length === 2 });
    expect(gone[0]!.message).toMatch(/ATS_SENSOR_GONE: .*could not be started: .*ENOENT/);
  });

  it.each([
    ['is no message', 'process.stdout.write("{}\\n"); setInterval(() => {}, 1000)'],
    ['never ends', 'process.stdout.write("x".repeat(20000)); setInterval(() => {}, 1000)'],
  ])('stops a sensor whose line %s', async (_, script) => {
    const { gone, windows } = await run([process.execPath, '-e', script], { enough: (seen) => seen.gone.length > 0 });
    expect(gone[0]!.message).toMatch(/said what no sensor says/);
    expect(windows).toEqual([]);
  });

  it('ends when a window cannot be kept, rather than to lose it', async () => {
    await expect(run(SENSOR, { enough: () => false, onWindow: async () => { throw new Error('disk error'); } })).rejects.toThrow('disk error');
  });
});
