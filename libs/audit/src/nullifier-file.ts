import { closeSync, fsyncSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NULLIFIER_BYTES = 32;
/** The nullifier, and the leaf of its verified entry as a double. */
const ROW_BYTES = NULLIFIER_BYTES + 8;
const WRITE_ROWS = 4096;
/** Rows that are compared in memory at once: 80 MiB with their order. */
const ROWS_AT_ONCE = 1_000_000;

/** A nullifier that two entries have used. */
export interface Reuse {
  readonly first: number;
  readonly second: number;
}

/**
 * Every nullifier of every verified entry: a file of 40 bytes an entry, appended to in leaf order, and compared at the end in parts of bounded
 * size. Memory does not depend on the length of history; the disk takes 40 MB a million verified entries, 80 while they are compared.
 */
export class NullifierFile {
  readonly #fd: number;
  readonly #own: string | undefined;
  readonly #rows = Buffer.alloc(WRITE_ROWS * ROW_BYTES);
  #buffered = 0;
  #written: number;

  /** @param at a file to keep and the rows that count in it; without one, a temporary file */
  constructor(at?: { file: string; rows: number }) {
    this.#own = at === undefined ? mkdtempSync(join(tmpdir(), 'attestream-audit-')) : undefined;
    this.#fd = openSync(at?.file ?? join(this.#own!, 'nullifiers'), at === undefined || at.rows === 0 ? 'w+' : 'r+');
    this.#written = at?.rows ?? 0;
    ftruncateSync(this.#fd, this.#written * ROW_BYTES);
  }

  add(nullifier: Buffer, leaf: number): void {
    const at = this.#buffered * ROW_BYTES;
    nullifier.copy(this.#rows, at);
    this.#rows.writeDoubleBE(leaf, at + NULLIFIER_BYTES);
    if (++this.#buffered === WRITE_ROWS) this.#write();
  }

  /** Makes all rows durable; returns their number. */
  sync(): number {
    this.#write();
    fsyncSync(this.#fd);
    return this.#written;
  }

  /** Every second use, by leaf. A nullifier's last bytes are as good as random, so they choose the part. */
  reuses(rowsAtOnce = ROWS_AT_ONCE): Reuse[] {
    this.#write();
    const parts = Math.ceil(this.#written / rowsAtOnce);
    const found: Reuse[] = [];
    for (let part = 0; part < parts; part++) found.push(...this.#reusesIn(part, parts));
    return found.toSorted((a, b) => a.second - b.second);
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#own !== undefined) rmSync(this.#own, { recursive: true, force: true });
  }

  #reusesIn(part: number, parts: number): Reuse[] {
    const firstBy = new Map<string, number>();
    const found: Reuse[] = [];
    const chunk = Buffer.alloc(WRITE_ROWS * ROW_BYTES);
    for (let row = 0; row < this.#written; row += WRITE_ROWS) {
      const rows = Math.min(WRITE_ROWS, this.#written - row);
      this.#read(chunk, rows, row);
      for (let at = 0; at < rows * ROW_BYTES; at += ROW_BYTES) {
        if (parts > 1 && chunk.readUInt32BE(at + NULLIFIER_BYTES - 4) % parts !== part) continue;
        const nullifier = chunk.toString('latin1', at, at + NULLIFIER_BYTES);
        const leaf = chunk.readDoubleBE(at + NULLIFIER_BYTES);
        const first = firstBy.get(nullifier);
        if (first === undefined) firstBy.set(nullifier, leaf);
        else found.push({ first, second: leaf });
      }
    }
    return found;
  }

  #read(chunk: Buffer, rows: number, row: number): void {
    for (let done = 0; done < rows * ROW_BYTES;) {
      const read = readSync(this.#fd, chunk, done, rows * ROW_BYTES - done, row * ROW_BYTES + done);
      if (read === 0) throw new RangeError('the file of nullifiers has become shorter');
      done += read;
    }
  }

  #write(): void {
    const bytes = this.#buffered * ROW_BYTES;
    for (let done = 0; done < bytes;) done += writeSync(this.#fd, this.#rows, done, bytes - done, this.#written * ROW_BYTES + done);
    this.#written += this.#buffered;
    this.#buffered = 0;
  }
}
