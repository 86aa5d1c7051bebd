import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemProgram } from '../../../libs/stack/src/tools.js';

const run = promisify(execFile);
const MIB = 1 << 20;

/**
 * A disk that a test can fill up. A file system of its own where one may be mounted; elsewhere what the kernel does to a process whose files may
 * not grow (RLIMIT_FSIZE), which meets the same calls with EFBIG in the place of ENOSPC.
 */
export class SmallDisk {
  private constructor(readonly dir: string, readonly mounted: boolean) {}

  static async make(mebibytes: number): Promise<SmallDisk> {
    const dir = mkdtempSync(join(tmpdir(), 'attestream-disk-'));
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', dir]).then(() => true, () => false);
    return new SmallDisk(dir, mounted);
  }

  /** No process can write a byte more; without a file system of its own, not this one. */
  async fill(pid: number): Promise<void> {
    if (!this.mounted) return await limitFiles(pid, '1');
    const ballast = join(this.dir, 'ballast');
    writeFileSync(ballast, '');
    for (const piece of [MIB, 4096]) {
      for (;;) {
        try {
          appendFileSync(ballast, Buffer.alloc(piece));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          break;
        }
      }
    }
    if (statfsSync(this.dir).bavail > 0) throw new Error('the disk has room');
  }

  /** There is room again. A process that was limited has it when it is started again. */
  makeRoom(): void {
    rmSync(join(this.dir, 'ballast'), { force: true });
  }

  async remove(): Promise<void> {
    if (this.mounted) await run('umount', ['-l', this.dir]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function limitFiles(pid: number, bytes: string): Promise<void> {
  await run(systemProgram('prlimit'), ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}
