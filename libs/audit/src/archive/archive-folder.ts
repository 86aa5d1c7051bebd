import { execFile } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, mkdir, open, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { AtsError } from '#libs/errors';

/** SHA-256 of every other file, as `sha256sum -c` reads it. */
export const SUMS_FILE = 'SHA256SUMS';

/** Sums are appended once this many are known. */
const SUMS_AT_ONCE = 1000;

/** A folder that is written whole or not at all: under another name until {@link finish} has put everything on disk. */
export class ArchiveFolder {
  #sums = '';
  #pending = 0;

  private constructor(private readonly target: string, readonly dir: string) {}

  /** @throws AtsError ATS_ARCHIVE_EXISTS when the target is there, or another export of it. */
  static async create(target: string): Promise<ArchiveFolder> {
    const path = resolve(target);
    if (existsSync(path)) throw new AtsError('ATS_ARCHIVE_EXISTS', path);
    const partial = `${path}.partial`;
    await mkdir(dirname(path), { recursive: true });
    await mkdir(partial).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
      throw new AtsError('ATS_ARCHIVE_EXISTS', partial, { todo: 'Another export writes it, or one was killed: delete it then.', cause });
    });
    return new ArchiveFolder(path, partial);
  }

  /** A file of these bytes; its folders are made. */
  async put(path: string, bytes: Buffer | string): Promise<void> {
    await mkdir(dirname(join(this.dir, path)), { recursive: true });
    await writeFile(join(this.dir, path), bytes, { flag: 'wx' });
    await this.#add(path, createHash('sha256').update(bytes).digest('hex'));
  }

  /** A file that grows; the caller closes it. */
  async create(path: string): Promise<ArchiveFile> {
    await mkdir(dirname(join(this.dir, path)), { recursive: true });
    return new ArchiveFile(await open(join(this.dir, path), 'wx'), (sum) => this.#add(path, sum));
  }

  /** Everything is on disk, then the folder has its name. */
  async finish(): Promise<void> {
    await this.#flush();
    const sync = (folder: string) => promisify(execFile)('sync', ['-f', folder]);
    await sync(this.dir);
    await rename(this.dir, this.target);
    await sync(dirname(this.target));
  }

  /** Nothing is left of it. */
  async discard(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }

  async #add(path: string, sum: string): Promise<void> {
    this.#sums += `${sum}  ${path}\n`;
    if (++this.#pending >= SUMS_AT_ONCE) await this.#flush();
  }

  async #flush(): Promise<void> {
    const lines = this.#sums;
    this.#sums = '';
    this.#pending = 0;
    await appendFile(join(this.dir, SUMS_FILE), lines);
  }
}

/** One file under way. */
export class ArchiveFile {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  constructor(private readonly handle: FileHandle, private readonly done: (sum: string) => Promise<void>) {}

  get bytes(): number { return this.#bytes; }

  async append(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    for (let written = 0; written < bytes.length;) written += (await this.handle.write(bytes, written)).bytesWritten;
  }

  async close(): Promise<void> {
    await this.handle.close();
    await this.done(this.#hash.digest('hex'));
  }
}

/**
 * Reads every file of an archive and compares it with its sum. No other file may be there.
 * @returns SHA-256 of the list of sums: the name of exactly this archive.
 * @throws AtsError ATS_ARCHIVE_INVALID when there is no list, ATS_ARCHIVE_DAMAGED naming the file
 */
export async function verifySums(dir: string, onProgress?: (files: number, total: number) => void): Promise<Buffer> {
  const list = join(dir, SUMS_FILE);
  if (!existsSync(list)) throw new AtsError('ATS_ARCHIVE_INVALID', `${dir} has no ${SUMS_FILE}`);
  let total = 0;
  for await (const _line of linesOf(list)) total++;
  const seen = new Set<string>();
  for await (const line of linesOf(list)) {
    const [, sum, path] = /^([0-9a-f]{64}) {2}(?!\/)(.+)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined || path.split('/').includes('..')) throw damaged(`${SUMS_FILE} has a line that is none: ${JSON.stringify(line.slice(0, 80))}`);
    if (seen.has(path)) throw damaged(`${SUMS_FILE} names ${path} twice`);
    seen.add(path);
    const found = await sumOf(join(dir, path)).catch((cause: unknown) => {
      throw damaged(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}`);
    });
    if (found.toString('hex') !== sum) throw damaged(`${path} has changed`);
    onProgress?.(seen.size, total);
  }
  for await (const path of filesOf(dir)) if (path !== SUMS_FILE && !seen.has(path)) throw damaged(`${path} does not belong to it`);
  return await sumOf(list);
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}

async function sumOf(file: string): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest();
}

async function* filesOf(dir: string, below = ''): AsyncGenerator<string, void, undefined> {
  for (const entry of await readdir(join(dir, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesOf(dir, path);
    else yield path;
  }
}

function damaged(why: string): AtsError {
  return new AtsError('ATS_ARCHIVE_DAMAGED', why);
}
