import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAtsError } from '#libs/errors';
import { FileJournal, JOURNAL_CALLS, type JournalCalls, type JournalOwner } from './journal.js';
import { EMPTY_STATE, type AnchorState, type Attempt } from './state.js';

const owner: JournalOwner = { chainId: 31_337, contract: '0xC', logId: '0x01', address: '0xA' };
const hash = (digit: string): string => `0x${digit.repeat(64)}`;
const attempt: Attempt = { hash: hash('a'), raw: '0x02f8', fees: { maxFeePerGas: 2n ** 200n, maxPriorityFeePerGas: 0n }, atBlock: 7 };
const block = { number: 9, hash: hash('b') };
const head = (size: number) => ({ size, root: Buffer.alloc(32, size) });
const full: AnchorState = {
  anchored: { head: head(3), tx: hash('c'), block }, waiting: { beyond: 5, sinceMs: 1_700_000_000_000.5 },
  job: { step: 'MINED', target: head(5), nonce: 4, attempts: [attempt, attempt], mined: { hash: hash('a'), block, ok: true } },
};

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'attestream-journal-'));
  file = join(dir, 'journal');
});
afterEach(() => { rmSync(dir, { recursive: true }); });

const codeOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return isAtsError(error) ? error.message : String(error);
  }
  return 'none';
};

it.each<[string, AnchorState]>([
  ['nothing', EMPTY_STATE],
  ['a plan', { ...EMPTY_STATE, job: { step: 'PLANNED', target: head(2) } }],
  ['a signed transaction', { ...EMPTY_STATE, job: { step: 'SIGNED', target: head(2), nonce: 0, attempts: [attempt] } }],
  ['a sent one', { ...EMPTY_STATE, job: { step: 'SENT', target: head(2), nonce: 0, attempts: [attempt] } }],
  ['everything', full],
])('a journal with %s is read as it was written, by its owner alone', (_, state) => {
  new FileJournal(file, owner).write(state);
  expect(new FileJournal(file, owner).read()).toEqual(state);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('a journal that is not there is empty', () => {
  expect(new FileJournal(file, owner).read()).toEqual(EMPTY_STATE);
});

it('a file that ends anywhere before its end is refused, and so is one with a byte changed', () => {
  new FileJournal(file, owner).write(full);
  const whole = readFileSync(file);
  const refusals = new Set<string>();
  for (let length = 0; length < whole.length; length += length > whole.length - 70 ? 1 : 13) {
    writeFileSync(file, whole.subarray(0, length));
    refusals.add(codeOf(() => new FileJournal(file, owner).read()).split(':')[0]!);
  }
  for (let at = 0; at < whole.length; at += 7) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    writeFileSync(file, changed);
    refusals.add(codeOf(() => new FileJournal(file, owner).read()).split(':')[0]!);
  }
  expect([...refusals]).toEqual(['ATS_ANCHOR_JOURNAL_DAMAGED']);
});

it('what can not be read at all is damaged, not empty', () => {
  mkdirSync(file);
  expect(codeOf(() => new FileJournal(file, owner).read())).toMatch(/^ATS_ANCHOR_JOURNAL_DAMAGED: [^\n]*EISDIR/);
});

it.each([
  ['chain', { chainId: 1 }], ['contract', { contract: '0xD' }], ['log', { logId: '0x02' }], ['account', { address: '0xB' }],
])('the journal of another %s is refused', (_, other) => {
  new FileJournal(file, owner).write(full);
  expect(codeOf(() => new FileJournal(file, { ...owner, ...other }).read())).toMatch(/^ATS_ANCHOR_JOURNAL_FOREIGN: [^\n]*$/);
});

describe('a disk that fails', () => {
  /** Fails at the n-th system call of a write, once; `done`: the calls of the write that came before. */
  function failing(nth: number, code: string): { calls: JournalCalls; done: string[] } {
    const done: string[] = [];
    let failed = false;
    const guarded = <K extends keyof JournalCalls>(name: K): JournalCalls[K] => ((...args: unknown[]) => {
      if (!failed && done.length === nth && name !== 'closeSync') {
        failed = true;
        throw Object.assign(new Error(`${code}: no space left on device, ${name}`), { code });
      }
      if (!failed) done.push(name);
      return (JOURNAL_CALLS[name] as (...args: unknown[]) => unknown)(...args);
    }) as JournalCalls[K];
    return { done, calls: { openSync: guarded('openSync'), writeSync: guarded('writeSync'), fsyncSync: guarded('fsyncSync'), closeSync: guarded('closeSync'), renameSync: guarded('renameSync') } };
  }
  const order = ['openSync', 'writeSync', 'fsyncSync', 'closeSync', 'renameSync', 'openSync', 'fsyncSync', 'closeSync'];

  it('the file is synced before it takes its name, and the folder after', () => {
    const { calls, done } = failing(Infinity, '');
    new FileJournal(file, owner, calls).write(full);
    expect(done).toEqual(order);
  });

  it.each(order.map((name, nth) => [nth, name] as const).filter(([, name]) => name !== 'closeSync'))('at call %i (%s) leaves the state before or the new one, and the next write goes through', (nth) => {
    const before: AnchorState = { ...EMPTY_STATE, job: { step: 'PLANNED', target: head(2) } };
    new FileJournal(file, owner).write(before);
    const journal = new FileJournal(file, owner, failing(nth, 'ENOSPC').calls);
    expect(codeOf(() => journal.write(full))).toMatch(/^ATS_ANCHOR_JOURNAL_UNWRITABLE: [^\n]*ENOSPC[^\n]*$/);
    expect([before, full]).toContainEqual(new FileJournal(file, owner).read());
    journal.write(full);
    expect(new FileJournal(file, owner).read()).toEqual(full);
    expect(readdirSync(dir)).toEqual(['journal']);
  });

  it('that takes a part of a write at a time gets the rest', () => {
    const writeSync = ((descriptor: number, bytes: Buffer, from: number) => JOURNAL_CALLS.writeSync(descriptor, bytes, from, Math.min(10, bytes.length - from))) as JournalCalls['writeSync'];
    new FileJournal(file, owner, { ...JOURNAL_CALLS, writeSync }).write(full);
    expect(new FileJournal(file, owner).read()).toEqual(full);
  });
});
