import { AtsError } from '#libs/errors';

/**
 * Memory that versions share and that is given back at a moment of our choosing: a garbage collector lets tens of megabytes gather outside its heap before
 * it looks at them.
 */
export abstract class Part {
  #pinned = false;
  #freed = false;

  protected abstract buffers(): readonly ArrayBufferLike[];

  /** All that is allocated outside the JavaScript heap. */
  get bytes(): number {
    return this.buffers().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** To be left to the garbage collector: versions of more than one line use this part. */
  pin(): void {
    this.assertThere();
    this.#pinned = true;
  }

  /** Gives the memory back at once, unless it is pinned. */
  free(): void {
    if (this.#pinned || this.#freed) return;
    this.#freed = true;
    for (const buffer of this.buffers()) (buffer as ArrayBuffer).transfer(0);
  }

  /** An answer of a part that is gone would let a replay through. */
  protected assertThere(): void {
    if (this.#freed) throw new AtsError('ATS_INTERNAL', 'a version of the nullifier memory was used that is too old');
  }
}

/**
 * Versions of the memory that follow one another. What one of them replaces stays for a while, since the newest is not the only one in use.
 */
export class Line {
  /** How many entries the newest version was given. */
  newest: number;
  readonly #replaced: { readonly at: number; readonly part: Part }[] = [];

  /** @param grace for how many entries more a replaced part stays */
  constructor(newest: number, public grace: number) {
    this.newest = newest;
  }

  replace(part: Part): void {
    if (this.grace === 0) part.free();
    else this.#replaced.push({ at: this.newest, part });
  }

  advance(): void {
    this.newest++;
    while (this.#replaced.length > 0 && this.#replaced[0]!.at + this.grace <= this.newest) this.#replaced.shift()!.part.free();
  }
}
