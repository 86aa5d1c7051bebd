import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemberFile } from './member-file.js';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-member-')); });
afterEach(() => rmSync(dir, { recursive: true }));

it('holds the member id for a successor, for its owner alone, until it is removed', () => {
  const lines: string[] = [];
  const path = join(dir, 'member');
  const file = new MemberFile(path, (line) => lines.push(line));
  expect(file.read()).toBeUndefined();
  file.write('gate-1');
  expect([new MemberFile(path, (line) => lines.push(line)).read(), statSync(path).mode & 0o777]).toEqual(['gate-1', 0o600]);
  file.remove();
  expect([file.read(), lines]).toEqual([undefined, []]);
});

it('that it cannot be written or read is one line, and no error', () => {
  const lines: string[] = [];
  const missing = new MemberFile(join(dir, 'gone/member'), (line) => lines.push(line));
  missing.write('gate-1');
  missing.write('gate-2');
  expect([missing.read(), lines]).toEqual([undefined, [expect.stringMatching(/^could not write the member id in .*gone\/member: ENOENT/)]]);
  mkdirSync(join(dir, 'folder'));
  expect(new MemberFile(join(dir, 'folder'), (line) => lines.push(line)).read()).toBeUndefined();
  expect(lines).toHaveLength(2);
});

it('an empty file, which a full disk leaves, names nobody', () => {
  writeFileSync(join(dir, 'member'), '');
  expect(new MemberFile(join(dir, 'member'), () => undefined).read()).toBeUndefined();
});

it('without a file there is nothing to do', () => {
  const lines: string[] = [];
  const none = new MemberFile(undefined, (line) => lines.push(line));
  none.write('gate-1');
  none.remove();
  expect([none.read(), lines]).toEqual([undefined, []]);
});
