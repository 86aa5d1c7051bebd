import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Holds this process's member id, so that after a crash its successor takes the dead member out of the group and need not wait for the session to end. It saves that
 * time and nothing else: a disk that is full, or a folder that is gone, stops no consumer.
 */
export class MemberFile {
  #told = false;

  constructor(private readonly path: string | undefined, private readonly warn: (line: string) => void) {}

  /** What a predecessor left; undefined when nothing can be learned from it. */
  read(): string | undefined {
    if (this.path === undefined || !existsSync(this.path)) return undefined;
    return this.#try('read', (path) => readFileSync(path, 'utf8') || undefined);
  }

  write(memberId: string): void {
    this.#try('write', (path) => writeFileSync(path, memberId, { mode: 0o600 }));
  }

  remove(): void {
    this.#try('remove', (path) => rmSync(path, { force: true }));
  }

  /** Tells of the first failure: the next ones are of the same file. */
  #try<T>(what: string, action: (path: string) => T): T | undefined {
    if (this.path === undefined) return undefined;
    try {
      return action(this.path);
    } catch (error) {
      if (!this.#told) this.warn(`could not ${what} the member id in ${this.path}: ${(error as Error).message}; a successor waits until this member's session has ended`);
      this.#told = true;
      return undefined;
    }
  }
}
