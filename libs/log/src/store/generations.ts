/** A value on disk that is replaced by compare-and-swap: each one is a file named by its number, and the next number can be taken once. */
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { errnoOf, type Disk } from './disk.js';

const DIGITS = 16;

/** The present value, and what its folder holds besides. Its owner calls one method at a time. */
export class Generations {
  #failed: AtsError | undefined;
  #prepared: Buffer | undefined;

  private constructor(private readonly disk: Disk, private readonly folder: string, private readonly staging: string, private number: number, private bytes: Buffer | undefined) {}

  /** The newest value; none in an empty folder. Older ones stay until {@link dropOld}. */
  static async open(disk: Disk, folder: string, staging: string): Promise<Generations> {
    const number = newest(await disk.list(folder));
    return new Generations(disk, folder, staging, number, number === 0 ? undefined : await disk.read(join(folder, nameOf(number))));
  }

  get value(): Buffer | undefined { return this.bytes; }

  /** Is this the present value, or one before it that nothing dropped yet? */
  async has(bytes: Buffer): Promise<boolean> {
    for (const name of await this.disk.list(this.folder)) if ((await this.disk.read(join(this.folder, name)))?.equals(bytes)) return true;
    return false;
  }

  /** @throws AtsError ATS_LOG_FORKED when someone else has replaced the value */
  async assertNewest(): Promise<void> {
    if (newest(await this.disk.list(this.folder)) !== this.number) throw this.#taken();
  }

  /** Writes the next value beside the present one and syncs it: what {@link swap} makes the present one. */
  async prepare(bytes: Buffer): Promise<void> {
    if (this.#failed) throw this.#failed;
    const staged = this.#staged();
    await this.disk.remove(staged);
    await writeSynced(this.disk, staged, bytes);
    this.#prepared = bytes;
  }

  /**
   * Makes what was prepared the present value: durable when it resolves, and not there when it rejects. Its number is taken by link(2), so of
   * two processes one wins, whatever they hold or believe.
   * @throws AtsError ATS_LOG_FORKED when someone else has taken the number
   */
  async swap(): Promise<void> {
    const next = join(this.folder, nameOf(this.number + 1));
    await this.disk.link(this.#staged(), next).catch((error: unknown) => {
      throw errnoOf(error) === 'EEXIST' ? this.#taken() : error;
    });
    try {
      await this.disk.syncFolder(this.folder);
    } catch (error) {
      await this.#takeBack(next, error);
      throw error;
    }
    this.number++;
    this.bytes = this.#prepared;
  }

  /** Removes what `prepare` left and all values but the present one. Not synced: what a power cut brings back is dropped again. */
  async dropOld(): Promise<void> {
    await this.disk.remove(this.#staged());
    for (const name of await this.disk.list(this.folder)) {
      const number = numberOf(name);
      if (number !== undefined && number < this.number) await this.disk.remove(join(this.folder, name));
    }
  }

  /** A name that may or may not survive a power cut belongs to no value that was told: it goes, or this process stops before it says more. */
  async #takeBack(path: string, cause: unknown): Promise<void> {
    try {
      await this.disk.remove(path);
    } catch (error) {
      this.#failed = new AtsError('ATS_LOG_DISK_FAILED', `${path} could be neither synced nor removed: ${String(error)}`, { todo: 'Mend the disk and start again.', cause });
      throw this.#failed;
    }
  }

  #staged(): string { return join(this.staging, this.folder.replaceAll(/.*\//g, '')); }

  #taken(): AtsError {
    return new AtsError('ATS_LOG_FORKED', `${this.folder} has a value after number ${this.number} that another process wrote`);
  }
}

/** A new file with these bytes; they survive a power cut, its name does not yet. */
export async function writeSynced(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  const file = await disk.create(path);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

const nameOf = (number: number): string => String(number).padStart(DIGITS, '0');
const numberOf = (name: string): number | undefined => (/^\d{16}$/.test(name) ? Number(name) : undefined);
const newest = (names: readonly string[]): number => Math.max(0, ...names.map((name) => numberOf(name) ?? 0));
