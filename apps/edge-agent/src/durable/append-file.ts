import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeFrame, scanFrames } from './frames.js';
import { Serial } from './serial.js';

/** Bytes set aside because they are no frame, and where they stood. */
export interface Damage { file: string; start: number; bytes: Buffer }

/** Keeps or reports damage before it leaves the file, and may add entries that make up for it. */
export type OnDamage = (damage: Damage[]) => Promise<Buffer[]>;

/**
 * A file of frames (mode 0600) that only grows. An append that returned is on disk: it is written and synced before. Its owner is one
 * process at a time, and one caller at a time: callers that overlap are put in order.
 */
export class AppendFile {
  readonly #serial = new Serial();
  #failed: unknown;

  private constructor(readonly path: string, private readonly handle: FileHandle, private size: number) {}

  /**
   * Opens the file, or makes an empty one. What a crash left of the last append is cut off. When bytes are damaged, the file is written anew
   * without them, after `onDamage` has kept them; what it returns joins the file in the same step.
   */
  static async open(path: string, onDamage: OnDamage): Promise<{ file: AppendFile; payloads: Buffer[] }> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const bytes = readIfThere(path);
    const scan = scanFrames(bytes ?? Buffer.alloc(0));
    const payloads: Buffer[] = scan.payloads.map(({ payload }) => payload);
    if (scan.damaged.length > 0) {
      payloads.push(...await onDamage(scan.damaged.map((part) => ({ file: path, ...part }))));
      await replaceFile(path, payloads);
    }
    const handle = await open(path, 'a', 0o600);
    const size = scan.damaged.length > 0 ? (await handle.stat()).size : scan.end;
    if (bytes && scan.damaged.length === 0 && scan.end < bytes.length) {
      await handle.truncate(scan.end);
      await handle.datasync();
    }
    if (!bytes) await syncFolder(dirname(path));
    return { file: new AppendFile(path, handle, size), payloads };
  }

  /** True when it takes nothing more: it has to be opened again. */
  get failed(): boolean { return this.#failed !== undefined; }

  /** Bytes of whole frames in the file. */
  get bytes(): number { return this.size; }

  /**
   * Appends the payloads as one write and one sync. Rejects when the disk refuses: nothing was appended then. After a failed sync the
   * file takes nothing more, because the kernel may have dropped the pages; open it again.
   */
  append(...payloads: readonly Uint8Array[]): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#failed !== undefined) throw this.#failed;
      const frames = Buffer.concat(payloads.map(encodeFrame));
      try {
        await this.handle.appendFile(frames);
      } catch (error) {
        // a full disk leaves the beginning of a frame, which the next append must not stand behind
        await this.handle.truncate(this.size).catch((cause: unknown) => { this.#failed = cause; });
        throw error;
      }
      await this.handle.datasync().catch((error: unknown) => {
        this.#failed = error;
        throw error;
      });
      this.size += frames.length;
    });
  }

  close(): Promise<void> {
    return this.#serial.run(() => this.handle.close());
  }
}

/** Writes a whole file of frames so that a crash leaves either the old file or the new one. */
export async function replaceFile(path: string, payloads: readonly Uint8Array[]): Promise<void> {
  await writeDurably(path, Buffer.concat(payloads.map(encodeFrame)));
}

/** Writes a private file (0600) atomically and durably. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

/** Makes creations, renames and removals in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
