/** Files that are written side by side and then synced side by side: one commit of the file system's journal covers many of them. */
import type { Disk, DiskFile } from './disk.js';
import { Pool } from './serial.js';

/** System calls in flight: as many as the pool of Node's threads makes at once, and their neighbours ready. */
export const WIDTH = 8;

export interface StagedFile { readonly staged: string; readonly path: string; readonly bytes: Buffer }

export class StagedFiles {
  readonly #writing = new Pool(WIDTH);
  readonly #files: StagedFile[] = [];
  readonly #open: DiskFile[] = [];

  constructor(private readonly disk: Disk) {}

  get count(): number { return this.#files.length; }

  /** Begins to write a file; {@link sync} tells how it went. */
  write(file: StagedFile): void {
    this.#files.push(file);
    this.#writing.start(async () => {
      const open = await this.disk.create(file.staged);
      this.#open.push(open);
      await open.write(file.bytes);
    });
  }

  /** All of them, once their bytes survive a power cut. */
  async sync(): Promise<readonly StagedFile[]> {
    await this.#writing.finish();
    const syncing = new Pool(WIDTH);
    for (const open of this.#open) syncing.start(() => open.sync());
    await syncing.finish();
    await this.close();
    return this.#files;
  }

  /** Gives back what is still open, whatever became of it. */
  async close(): Promise<void> {
    await this.#writing.ended();
    for (const open of this.#open.splice(0)) await open.close();
  }
}
