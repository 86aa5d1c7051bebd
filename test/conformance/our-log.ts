import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  consistencyProof, DirectoryTiles, formatCheckpoint, generateLogKey, inclusionProof, leafHash, LogStore, noteSigner, rootFromTiles, serveLog, signNote, type NoteSigner, type TreeHead,
} from '#libs/log';
import { makeProof } from '../../libs/audit/src/proof/make-proof.js';

/** Enough for tiles on three levels: 257 full tiles of leaves and more. */
const ENTRIES = 66_000;
/** Sizes at which a checkpoint is published: alone, with a partial tile, with full ones only, beyond a partial one that is gone. */
export const SIZES = [1, 5, 256, 300, 512, ENTRIES] as const;

/** Entries of every kind of length: none, short, long. */
export function entry(index: number): Buffer {
  if (index % 1000 === 7) return Buffer.alloc(0);
  if (index % 5000 === 11) return Buffer.alloc(65_535, index);
  return Buffer.from(`entry ${index} of the log under test`);
}

/** A log of ours as chain-anchor keeps it: LogStore on disk, signed, served over HTTP. */
export class OurLog {
  readonly origin = 'log.example/conformance';
  readonly key = generateLogKey(this.origin);
  readonly signer: NoteSigner = noteSigner(this.key.privateKey);
  readonly #folders = new Map<string, ReturnType<typeof serveLog>>();
  #server: Server;
  #store: LogStore;
  /** Its files as they are served, and its public key as a file. */
  publicDir: string;
  vkeyFile: string;

  private constructor(readonly folder: string) {
    this.vkeyFile = join(folder, 'log.vkey');
    writeFileSync(this.vkeyFile, this.key.vkey);
  }

  static async start(folder: string): Promise<OurLog> {
    const log = new OurLog(folder);
    const dir = join(folder, 'ours');
    await LogStore.create({ dir, origin: log.origin });
    log.#store = await LogStore.open({ dir });
    log.publicDir = log.#store.publicDir;
    log.#server = createServer((request, response) => {
      const [, name = ''] = (request.url ?? '').split('/', 2);
      const serve = log.#folders.get(name);
      request.url = (request.url ?? '').slice(1 + name.length);
      if (serve) void serve(request, response);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => log.#server.listen(0, '127.0.0.1', resolve));
    return log;
  }

  /** Appends up to a size. */
  async grow(size: number): Promise<TreeHead> {
    while (this.#store.head.size < size) {
      const from = this.#store.head.size;
      const to = Math.min(size, from + 10_000);
      await this.#store.append(Array.from({ length: to - from }, (_, i) => entry(from + i)), BigInt(to));
    }
    return this.#store.head;
  }

  /** The head signed by the log alone. */
  sign(head: TreeHead = this.#store.head, origin = this.origin, signer = this.signer): Buffer {
    return signNote(formatCheckpoint({ origin, ...head }), [signer]);
  }

  publish(note: Buffer): Promise<void> {
    return this.#store.publish(note);
  }

  /** The published checkpoint. */
  published(): Buffer {
    return this.#store.checkpoint!;
  }

  proofTo(size: number): (from: number) => Promise<Buffer[]> {
    return (from) => consistencyProof(from, size, this.#store.tiles);
  }

  /** URL prefix under which a folder is served by the code that serves ours. */
  serve(name: string, dir: string): string {
    this.#folders.set(name, serveLog(dir));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  /** A copy of the served folder with one file changed. */
  tampered(name: string, path: string, change: (bytes: Buffer) => Buffer): string {
    return tamperedCopy(this.publicDir, join(this.folder, `tampered-${name}`), path, change);
  }

  /** The `.tlog-proof` of an entry in the published checkpoint, as `attestream prove` writes it. */
  async proofFile(index: number): Promise<Buffer> {
    const tiles = new DirectoryTiles(this.publicDir);
    const anchored = { size: SIZES[4], root: await rootFromTiles(SIZES[4], tiles) };
    return makeProof({ index, entry: entry(index), checkpoint: this.published(), tiles, anchored });
  }

  /** Proofs for the published checkpoint, as foreign/proofs.go reads them. */
  async proofSet(size: number): Promise<ProofSet> {
    const tiles = new DirectoryTiles(this.publicDir);
    const base64 = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('base64'));
    const indices = [0, 1, 4, 7, 11, 255, 256, 511, 512, 40_000, 65_535, 65_536, size - 1];
    // other sizes than published ones have their partial tiles from the full ones that came since
    const olds = [...SIZES, 255, 257, 4096, 65_535, 65_536, 65_537];
    return {
      checkpoint: this.published().toString(),
      inclusion: await Promise.all(indices.map(async (index) => ({ index, leaf: leafHash(entry(index)).toString('base64'), proof: base64(await inclusionProof(index, size, tiles)) }))),
      consistency: await Promise.all(olds.map(async (from) => ({ from, root: (await rootFromTiles(from, tiles)).toString('base64'), proof: base64(await consistencyProof(from, size, tiles)) }))),
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#store.close();
  }
}

export interface ProofSet {
  checkpoint: string;
  inclusion: { index: number; leaf: string; proof: string[] }[];
  consistency: { from: number; root: string; proof: string[] }[];
}

/** A copy of a folder by links, with one file changed. Returns the copy. */
export function tamperedCopy(dir: string, copy: string, path: string, change: (bytes: Buffer) => Buffer): string {
  execFileSync('cp', ['-rl', '--', dir, copy]);
  const changed = change(readFileSync(join(dir, path)));
  // not through the link
  rmSync(join(copy, path));
  writeFileSync(join(copy, path), changed);
  return copy;
}

/** One bit of the byte at `at`, counted from the end when negative. */
export function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  const index = at < 0 ? bytes.length + at : at;
  changed[index]! ^= 1;
  return changed;
}
