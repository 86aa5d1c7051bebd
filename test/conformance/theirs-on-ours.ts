import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateLogKey, noteSigner, openCheckpoint, noteVerifier } from '#libs/log';
import { entry, flip, SIZES, type OurLog, type ProofSet } from './our-log.js';
import { row, type ForeignTools, type Row } from './tool.js';

/** Foreign tools read what we wrote and served, and refuse it once a bit is changed. `policy`: text of the policy that wants the witness. */
export async function theirsOnOurs(tools: ForeignTools, log: OurLog, policy: string, rows: (row: Row) => void): Promise<void> {
  const size = SIZES.at(-1)!;
  const head = openCheckpoint(log.published(), noteVerifier(log.key.vkey));
  const mod = tools.version('foreign', 'golang.org/x/mod');
  const torchwood = tools.version('foreign', 'filippo.io/torchwood');
  const file = (name: string, bytes: string | Buffer) => {
    const path = join(log.folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  // What is changed in a copy of the served folder: the newest partial files, a full tile, a bundle, the checkpoint.
  const dirs = {
    'an entry': log.tampered('entry', 'tile/entries/003', (bytes) => flip(bytes, 50)),
    'the last entry': log.tampered('last-entry', `tile/entries/${lastIndex(size)}`, (bytes) => flip(bytes, -1)),
    'a leaf hash': log.tampered('leaf', 'tile/0/100', (bytes) => flip(bytes, 4000)),
    'a hash of level 1': log.tampered('level1', 'tile/1/000', (bytes) => flip(bytes, 40)),
    'a root signed by the log itself': log.tampered('root', 'checkpoint', () => log.sign({ size, root: flip(head.root, 5) })),
    'a signature': log.tampered('signature', 'checkpoint', (bytes) => Buffer.from(bytes.toString().replace(/(?<=— \S+ .{20})./, (char) => (char === 'A' ? 'B' : 'A')))),
    'the key that signed': log.tampered('key', 'checkpoint', () => log.sign(head, log.origin, noteSigner(generateLogKey(log.origin).privateKey))),
  };
  const urls = Object.fromEntries(Object.entries(dirs).map(([what, dir], i) => [what, log.serve(`tampered-${i}`, dir)]));
  const url = log.serve('log', log.publicDir);

  const fsck = async (storage: string) => {
    // Each of its workers ends at the first fault that it meets, and without any left it hangs: more of them than faults that one change makes.
    const outcome = await tools.run('fsck', `--storage_url=${storage}`, `--public_key=${log.vkeyFile}`, '--ui=false', '--N=16');
    // It exits 0 when it has found a fault, too: only this line tells.
    const accepted = outcome.exit === 0 && outcome.output.includes(`Successfully fsck'd log with size ${size} and root ${head.root.toString('base64')}`);
    return { ...outcome, accepted, refused: !accepted && outcome.output.includes('fsck failed: ') };
  };
  const tessera = tools.version('fsck', 'github.com/transparency-dev/tessera');
  rows(await row('fsck on our log over HTTP', tessera, fsck, `${url}/`, Object.fromEntries(Object.entries(urls).map(([what, tampered]) => [what, `${tampered}/`]))));
  rows(await row('fsck on our served folder', tessera, fsck, `file://${log.publicDir}`, Object.fromEntries(Object.entries(dirs).map(([what, dir]) => [what, `file://${dir}`]))));
  rows(await row('x/mod tlog and torchwood\'s client on our tiles and entries', `${mod}, ${torchwood}`, (at: string) => tools.foreign('tiles', log.key.vkey, at), url, urls));

  const note = log.published().toString();
  rows(await row('x/mod note on our checkpoint', mod, (path: string) => tools.foreign('note', log.key.vkey, path), file('note', note), {
    'its size': file('note-size', note.replace(`\n${size}\n`, `\n${size + 1}\n`)),
    'its root': file('note-root', note.replace(head.root.toString('base64'), flip(head.root, 0).toString('base64'))),
    'its origin': file('note-origin', note.replace(`${log.origin}\n`, 'log.example/other\n')),
    'its signature': file('note-signature', note.replace(/(?<=— \S+ .{20})./, (char) => (char === 'A' ? 'B' : 'A'))),
    'its last newline': file('note-newline', note.slice(0, -1)),
  }));

  const set = await log.proofSet(size);
  const changed = (name: string, change: (copy: ProofSet) => void) => {
    const copy = structuredClone(set);
    change(copy);
    return file(`proofs-${name}.json`, JSON.stringify(copy));
  };
  const flipped = (hash: string) => flip(Buffer.from(hash, 'base64'), 9).toString('base64');
  const check = (path: string) => tools.foreign('proofs', log.key.vkey, path);
  rows(await row('x/mod tlog on our inclusion proofs', mod, check, changed('inclusion', (copy) => { copy.consistency = []; }), {
    'a hash': changed('inclusion-hash', (copy) => { copy.inclusion[6]!.proof[3] = flipped(copy.inclusion[6]!.proof[3]!); }),
    'a hash less': changed('inclusion-less', (copy) => { copy.inclusion[2]!.proof.pop(); }),
    'a leaf': changed('inclusion-leaf', (copy) => { copy.inclusion[0]!.leaf = flipped(copy.inclusion[0]!.leaf); }),
    'an index': changed('inclusion-index', (copy) => { copy.inclusion[5]!.index += 1; }),
  }));
  rows(await row('x/mod tlog on our consistency proofs', mod, check, changed('consistency', (copy) => { copy.inclusion = []; }), {
    'a hash': changed('consistency-hash', (copy) => { copy.consistency[3]!.proof[1] = flipped(copy.consistency[3]!.proof[1]!); }),
    'a hash more': changed('consistency-more', (copy) => { copy.consistency[2]!.proof.push(set.inclusion[0]!.leaf); }),
    'an older root': changed('consistency-root', (copy) => { copy.consistency[4]!.root = flipped(copy.consistency[4]!.root); }),
    'an older size': changed('consistency-size', (copy) => { copy.consistency[1]!.from += 2; }),
  }));

  const index = 40_001;
  const proof = await log.proofFile(index);
  const text = proof.toString();
  const paths = { policy: file('policy', policy), entry: file('proof-entry', entry(index)), proof: file('entry.tlog-proof', proof) };
  const verify = ({ policy: by, entry: of, proof: with_ }: typeof paths) => tools.foreign('proof', by, of, with_);
  rows(await row('torchwood on the .tlog-proof of attestream prove, cosignature wanted', torchwood, verify, paths, {
    'the entry': { ...paths, entry: file('proof-other-entry', entry(index + 1)) },
    'its index': { ...paths, proof: file('index.tlog-proof', text.replace(`index ${index}`, `index ${index + 1}`)) },
    'a hash': { ...paths, proof: file('hash.tlog-proof', text.replace(/(?<=index \d+\n)./, (char) => (char === 'A' ? 'B' : 'A'))) },
    'its size': { ...paths, proof: file('size.tlog-proof', text.replace(`\n${size}\n`, `\n${size + 1}\n`)) },
    'no cosignature': { ...paths, proof: file('alone.tlog-proof', text.replace(/— witness\S* .*\n/, '')) },
    'no signature of the log': { ...paths, proof: file('unsigned.tlog-proof', text.replace(/— log\S* .*\n/, '')) },
  }));
}

/** Path of the last entry bundle: the tree ends in a partial one. */
function lastIndex(size: number): string {
  const [index, width] = [Math.floor(size / 256), size % 256];
  return `${String(index).padStart(3, '0')}.p/${width}`;
}
