/**
 * A window of nullifiers in a process of its own: filled as a rebuild does it, asked, and then moved on by twice its own length (from 10 million on by once), one version a nullifier as
 * the gate does it. Prints one line of JSON. Given: what holds it (memory, Map or Set), and how many entries.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { SeenNullifiers } from '../../../libs/verdict/src/seen-nullifiers.js';
import { peakMiB } from '../gate/meter.js';

export type Holder = 'memory' | 'Map' | 'Set';

export interface WindowRow {
  readonly holder: Holder;
  readonly entries: number;
  /** What the memory itself has allocated, filled and at most while it moved; of the peers, what the process has grown by. */
  readonly bytesAnEntry: number;
  readonly bytesAnEntryMoving: number;
  /** The whole process, before; at most until filled; at most until moved on. */
  readonly rssMB: number;
  readonly rssMBFilled: number;
  readonly rssMBMoving: number;
  /** All a CPU second. */
  readonly fills: number;
  readonly adds: number;
  readonly hits: number;
  readonly misses: number;
}

/** Of a window: 24 hours of 30 s. */
const EPOCHS = 2880;
const MOST_LOOKED_UP = 500_000;

const holder = process.argv[2] as Holder;
const entries = Number(process.argv[3]);
const perEpoch = entries / EPOCHS;
const moves = entries < 10_000_000 ? 2 : 1;
const key = Buffer.alloc(32);
const hash = Buffer.alloc(32, 7);

/** The n-th nullifier, in a buffer that is used again. */
function nullifier(n: number): Buffer {
  let word = n;
  for (let at = 16; at < 32; at += 4) {
    word = Math.imul(word + at, 0x9e37_79b1) ^ (n >>> 3);
    word = Math.imul(word ^ (word >>> 15), 0x2c1b_3c6d) >>> 0;
    key.writeUInt32BE(at === 28 ? n : word, at);
  }
  return key;
}

interface Held { fill(n: number): void; filled(): void; add(n: number): void; has(n: number): boolean; bytes(): number }

const epochOf = (n: number) => Math.floor(n / perEpoch);
const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
const peakMB = () => Math.round(10 * peakMiB(process.pid) * 1.048576) / 10;
const base = process.memoryUsage.rss();

function memory(): Held {
  const filling = SeenNullifiers.filling();
  let map = SeenNullifiers.EMPTY;
  return {
    fill: (n) => filling.add(nullifier(n), { epoch: epochOf(n), offset: n, hash }, 0),
    filled: () => { map = filling.done(); },
    add: (n) => { map = map.with(nullifier(n), { epoch: epochOf(n), offset: n, hash }, epochOf(n) - EPOCHS + 1); },
    has: (n) => map.get(nullifier(n)) !== undefined,
    bytes: () => map.bytes,
  };
}

/** As one writes it: whole nullifiers in hexadecimal, of the Map with what is known of each. Entries came in the order of their epochs, so the first is the oldest. */
function peer(): Held {
  const facts = new Map<string, { epoch: number; offset: number; hash: Buffer }>();
  const alone = new Set<string>();
  let oldest = 0;
  const put = (n: number) => {
    const name = nullifier(n).toString('hex');
    if (holder === 'Map') facts.set(name, { epoch: epochOf(n), offset: n, hash: Buffer.from(hash.subarray(0, 8)) });
    else alone.add(name);
  };
  return {
    fill: put,
    filled: () => undefined,
    add: (n) => {
      put(n);
      for (const floor = epochOf(n) - EPOCHS + 1; epochOf(oldest) < floor; oldest++) {
        const name = nullifier(oldest).toString('hex');
        facts.delete(name);
        alone.delete(name);
      }
    },
    has: (n) => (holder === 'Map' ? facts.has(nullifier(n).toString('hex')) : alone.has(nullifier(n).toString('hex'))),
    bytes: () => process.memoryUsage.rss() - base,
  };
}

/** In steps, between which the event loop runs as between a gate's batches. */
async function perCpuSecond(count: number, work: (i: number) => void, after = () => {}): Promise<number> {
  let micros = 0;
  const step = Math.ceil(count / 200);
  for (let from = 0; from < count; from += step, await turn()) {
    const before = process.cpuUsage();
    for (let i = from; i < Math.min(count, from + step); i++) work(i);
    const { user, system } = process.cpuUsage(before);
    micros += user + system;
    after();
  }
  return Math.round((1e6 * count) / micros);
}

function must(held: boolean): void {
  if (!held) throw new Error(`${holder}: a nullifier is missing, or one is there that was never added`);
}

const held = holder === 'memory' ? memory() : peer();
const fills = await perCpuSecond(entries, (n) => held.fill(n));
held.filled();
const rssMBFilled = peakMB();
const bytes = held.bytes();
const lookedUp = Math.min(entries, MOST_LOOKED_UP);
const hits = await perCpuSecond(lookedUp, (i) => must(held.has((i * 7919) % entries)));
const misses = await perCpuSecond(lookedUp, (i) => must(!held.has(entries + i)));
let most = 0;
const adds = await perCpuSecond(moves * entries, (i) => held.add(entries + i), () => { most = Math.max(most, held.bytes()); });
must(held.has((moves + 1) * entries - 1) && held.has(Math.ceil((moves + 0.01) * entries)) && !held.has(entries - 1));

const perEntry = (total: number) => Math.round((100 * total) / entries) / 100;
const row: WindowRow = {
  holder, entries, bytesAnEntry: perEntry(bytes), bytesAnEntryMoving: perEntry(most), rssMB: megabytes(base), rssMBFilled, rssMBMoving: peakMB(), fills, adds, hits, misses,
};
process.stdout.write(`${JSON.stringify(row)}\n`);
