import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  consistencyProof, decodeEntryBundle, DirectoryTiles, HASH_BYTES, hashesRoot, HttpTiles, inclusionProof, leafHash, leafTile, noteVerifier, openCheckpoint, parsePolicy, rootFromTiles, TILE_WIDTH, tileWidth, verifyConsistency, verifyInclusion, verifyProof,
  type NoteVerifier, type TileSource,
} from '#libs/log';
import { flip, tamperedCopy, type OurLog, type ProofSet } from './our-log.js';
import { ours, row, type ForeignTools, type Row, type Verdict } from './tool.js';

/** Five full tiles of leaves, and both levels end in a partial one. */
const SIZE = 1_500;

/** libs/log reads logs that x/mod and Tessera wrote, and refuses them once a bit is changed. */
export async function oursOnTheirs(tools: ForeignTools, log: OurLog, rows: (row: Row) => void): Promise<void> {
  const mod = tools.version('foreign', 'golang.org/x/mod');
  const torchwood = tools.version('foreign', 'filippo.io/torchwood');
  const tessera = tools.version('foreign', 'github.com/transparency-dev/tessera');
  const made = join(log.folder, 'x-mod');
  const posix = join(log.folder, 'posix');
  written(await tools.foreign('write-log', made, 'x-mod.example/log', String(SIZE)));
  written(await tools.foreign('write-posix', posix, 'posix.example/log', String(SIZE)));

  const note = readFileSync(join(made, 'checkpoint'));
  const verifier = noteVerifier(readFileSync(join(made, 'vkey'), 'utf8'));
  rows(await row('libs/log on notes of x/mod', mod, (bytes: Buffer) => ours('openCheckpoint', () => openCheckpoint(bytes, verifier).size === SIZE), note, {
    'its size': Buffer.from(note.toString().replace(String(SIZE), String(SIZE + 1))),
    'its origin': Buffer.from(note.toString().replace('x-mod.example/log\n', 'other.example/log\n')),
    'its root': flip(note, 30),
    'its signature': flip(note, -8),
    'its last newline': note.subarray(0, -1),
    'a carriage return': Buffer.from(note.toString().replace('\n', '\r\n')),
  }));

  const set = JSON.parse(readFileSync(join(made, 'proofs.json'), 'utf8')) as ProofSet;
  const changed = (change: (copy: ProofSet) => void) => {
    const copy = structuredClone(set);
    change(copy);
    return copy;
  };
  const flipped = (hash: string) => flip(Buffer.from(hash, 'base64'), 9).toString('base64');
  rows(await row('libs/log on proofs of x/mod', mod, (proofs: ProofSet) => ours('verifyInclusion, verifyConsistency', () => proofsHold(proofs, verifier)), set, {
    'a hash of an inclusion proof': changed((copy) => { copy.inclusion[3]!.proof[2] = flipped(copy.inclusion[3]!.proof[2]!); }),
    'a hash less': changed((copy) => { copy.inclusion[7]!.proof.pop(); }),
    'a leaf': changed((copy) => { copy.inclusion[1]!.leaf = flipped(copy.inclusion[1]!.leaf); }),
    'a hash of a consistency proof': changed((copy) => { copy.consistency[5]!.proof[0] = flipped(copy.consistency[5]!.proof[0]!); }),
    'an older root': changed((copy) => { copy.consistency[2]!.root = flipped(copy.consistency[2]!.root); }),
  }));
  rows(await row('libs/log makes the proofs of x/mod from its tiles', mod, (proofs: ProofSet) => ours('inclusionProof, consistencyProof', () => proofsAreOurs(proofs, new DirectoryTiles(made))), set, {
    'a hash of an inclusion proof': changed((copy) => { copy.inclusion[3]!.proof[2] = flipped(copy.inclusion[3]!.proof[2]!); }),
    'a hash of a consistency proof': changed((copy) => { copy.consistency[5]!.proof[0] = flipped(copy.consistency[5]!.proof[0]!); }),
  }));

  for (const [name, version, dir, source] of [
    ['libs/log on tiles and entries of x/mod, from a folder', mod, made, (at: string) => new DirectoryTiles(at)],
    ['libs/log on tiles and entries of Tessera\'s POSIX driver, over HTTP', tessera, posix, (at: string) => new HttpTiles(log.serve(at.replaceAll(/\W/g, '-'), at))],
  ] as const) {
    const key = noteVerifier(readFileSync(join(dir, 'vkey'), 'utf8'));
    const copy = (path: string, change: (bytes: Buffer) => Buffer) => tamperedCopy(dir, `${dir}-${path.replaceAll(/\W/g, '-')}`, path, change);
    rows(await row(name, version, (at: string) => ours('openCheckpoint, rootFromTiles, decodeEntryBundle', () => treeHolds(at, key, source(at))), dir, {
      'an entry': copy('tile/entries/001', (bytes) => flip(bytes, 50)),
      'a leaf hash': copy('tile/0/002', (bytes) => flip(bytes, 1000)),
      'a hash of level 1': copy('tile/1/000.p/5', (bytes) => flip(bytes, 100)),
      'half a tile': copy('tile/0/003', (bytes) => bytes.subarray(0, 4096)),
      'half an entry': copy('tile/entries/004', (bytes) => bytes.subarray(0, -1)),
      'a checkpoint half written': copy('checkpoint', (bytes) => bytes.subarray(0, 60)),
    }));
  }

  const policy = parsePolicy(`log ${readFileSync(join(made, 'vkey'), 'utf8')}\nquorum none\n`);
  const proof = readFileSync(join(made, 'entry.tlog-proof'));
  const entry = readFileSync(join(made, 'entry'));
  const text = (from: string | RegExp, to: string) => Buffer.from(proof.toString().replace(from, to));
  rows(await row(
    'libs/log on a .tlog-proof of torchwood', torchwood,
    ({ bytes, of }: { bytes: Buffer; of: Buffer }) => ours('verifyProof', () => verifyProof(bytes, leafHash(of), policy).extra?.toString() === 'extra'), { bytes: proof, of: entry },
    {
      'the entry': { bytes: proof, of: flip(Buffer.concat([entry, Buffer.of(0)]), 0) },
      'its index': { bytes: text(/index (\d)/, 'index 1$1'), of: entry },
      'a hash less': { bytes: text(/(?<=index \d+\n).*\n/, ''), of: entry },
      'its size': { bytes: text(`\n${SIZE}\n`, `\n${SIZE + 1}\n`), of: entry },
      'its first line': { bytes: text('@v1', '@v2'), of: entry },
    },
  ));
}

/** The whole log: the checkpoint's root from its tiles, and each leaf hash from its entry. */
async function treeHolds(dir: string, verifier: NoteVerifier, tiles: TileSource): Promise<boolean> {
  const { size, root } = openCheckpoint(tiles instanceof HttpTiles ? await tiles.checkpoint() : readFileSync(join(dir, 'checkpoint')), verifier);
  if (size !== SIZE || !root.equals(await rootFromTiles(size, tiles))) return false;
  const parents = await tiles.tile(1, 0, tileWidth(1, 0, size));
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = tileWidth(0, index, size);
    const leaves = await tiles.tile(0, index, width);
    if (!leafTile(decodeEntryBundle(await tiles.entries(index, width), width)).equals(leaves)) return false;
    // a root needs the right edge only: each full tile below it as well
    if (width === TILE_WIDTH && !hashesRoot(leaves).equals(parents.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))) return false;
  }
  return true;
}

function proofsHold({ checkpoint, inclusion, consistency }: ProofSet, verifier: NoteVerifier): boolean {
  const { size, root } = openCheckpoint(Buffer.from(checkpoint), verifier);
  return inclusion.length > 20 && inclusion.every(({ index, leaf, proof }) => verifyInclusion({ leafHash: bytes(leaf), index, size, root, proof: proof.map(bytes) }))
    && consistency.length > 20 && consistency.every(({ from, root: fromRoot, proof }) => verifyConsistency({ from, fromRoot: bytes(fromRoot), to: size, toRoot: root, proof: proof.map(bytes) }));
}

async function proofsAreOurs({ inclusion, consistency }: ProofSet, tiles: TileSource): Promise<boolean> {
  for (const { index, proof } of inclusion) if (!Buffer.concat(proof.map(bytes)).equals(Buffer.concat(await inclusionProof(index, SIZE, tiles)))) return false;
  for (const { from, proof } of consistency) if (!Buffer.concat(proof.map(bytes)).equals(Buffer.concat(await consistencyProof(from, SIZE, tiles)))) return false;
  return true;
}

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');

function written({ accepted, output }: Verdict): void {
  if (!accepted) throw new Error(output);
}
