import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { STREAMS } from '#libs/edge';
import { openProbes } from './open-probes.js';
import { PROC_PROBES } from './proc-probes.js';

let proc: string;
let seconds: number;
beforeEach(() => { proc = mkdtempSync(join(tmpdir(), 'proc-')); seconds = 100; });
afterEach(() => { rmSync(proc, { recursive: true }); });

const put = (name: string, text: string) => {
  mkdirSync(dirname(join(proc, name)), { recursive: true });
  writeFileSync(join(proc, name), text);
};
const sources = () => ({ proc, rootFileSystem: '/', monotonicSeconds: () => seconds });

// as Linux 6.18 writes them
const PRESSURE = 'some avg10=12.34 avg60=0.75 avg300=1.38 total=24591578\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=0\n';
const disks = (vda: number, vda1: number, nvme: number) => [
  '   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
  ` 254       0 vda 4032 1103 352346 1231 2211 3100 91234 2345 0 ${vda} 3576 0 0 0 0 120 45`,
  ` 254       1 vda1 4000 1103 352000 1200 2211 3100 91234 2345 0 ${vda1} 3545 0 0 0 0 0 0`,
  ` 259       0 nvme0n1 1 0 8 0 0 0 0 0 0 ${nvme} 0`,
].join('\n');
const net = (received: number, sent: number, lo: number) => `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: ${lo}      30    0    0    0     0          0         0     ${lo}      30    0    0    0     0       0          0
  eth0:${received}   18220    0    0    0     0          0         0  ${sent}   12494    0    0    0     0       0          0
 wlan0:       5       1    0    0    0     0          0         0       7       1    0    0    0     0       0          0
`;

describe('a probe of the kernel\'s files', () => {
  it('reads pressure, load and open files in hundredths and counts', () => {
    for (const resource of ['cpu', 'memory', 'io']) put(`pressure/${resource}`, PRESSURE);
    put('loadavg', '3.07 1.20 0.90 2/345 6789\n');
    put('sys/fs/file-nr', '591\t0\t2466193\n');
    for (const stream of ['pressure-cpu', 'pressure-memory', 'pressure-io'] as const) expect(PROC_PROBES[stream](sources()).read()).toBe(1234);
    expect(PROC_PROBES.load(sources()).read()).toBe(307);
    expect(PROC_PROBES['open-files'](sources()).read()).toBe(591);
  });

  it('reads the busiest disk as its share of the time since the last reading', () => {
    put('diskstats', disks(1000, 990, 500));
    const probe = PROC_PROBES['disk-busy'](sources());
    seconds += 2;
    put('diskstats', disks(1500, 1490, 1700));
    expect(probe.read()).toBe(6000);
    seconds += 1;
    put('diskstats', disks(1500, 1490, 1700));
    expect(probe.read()).toBe(0);
    seconds += 0.5;
    put('diskstats', disks(2600, 1490, 1700));
    expect(probe.read()).toBe(10_000);
  });

  it('reads bytes a second of all interfaces but the loopback, also when a counter starts anew', () => {
    put('net/dev', net(1000, 500, 10));
    const probe = PROC_PROBES.network(sources());
    seconds += 2;
    put('net/dev', net(3000, 1500, 99_999));
    expect(probe.read()).toBe(1500);
    seconds += 2;
    put('net/dev', net(10, 20, 99_999));
    expect(probe.read()).toBe(0);
  });

  it('refuses a file that it does not understand, rather than to read a zero', () => {
    put('loadavg', 'n/a\n');
    expect(() => PROC_PROBES.load(sources())).toThrow(/does not match/);
  });
});

describe('opening the probes', () => {
  it('leaves out a stream without a source, in one line each', () => {
    put('loadavg', '0.50 0 0 1/1 1\n');
    const lines: string[] = [];
    const probes = openProbes(sources(), (line) => lines.push(line));
    expect([...probes.keys()]).toEqual(['load', 'disk-used']);
    expect(lines.length).toBe(6);
    expect(lines[0]).toMatch(/^no stream pressure-cpu on this machine: ENOENT/);
    expect(lines.every((line) => !line.includes('\n'))).toBe(true);
  });

  it('finds on a real Linux machine every stream but perhaps pressure, each with a whole reading', () => {
    const probes = openProbes({ proc: '/proc', rootFileSystem: '/', monotonicSeconds: () => performance.now() / 1000 }, () => undefined);
    for (const { stream } of STREAMS) {
      if (stream.startsWith('pressure-') && !probes.has(stream)) continue;
      const reading = probes.get(stream)!.read();
      expect([stream, Number.isInteger(reading) && reading >= 0]).toEqual([stream, true]);
    }
    expect(probes.get('open-files')!.read()).toBeGreaterThan(0);
    expect(probes.get('disk-used')!.read()).toBeLessThanOrEqual(10_000);
  });
});
