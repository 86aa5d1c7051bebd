/** Authors of whom is known that their last proof held: bounded, the longest unheard of are forgotten first. Forgetting one costs a smaller batch, no verdict. */
export class GoodStanding {
  #recent = new Set<string>();
  #older = new Set<string>();

  /** @param most authors that are remembered, at least half of them the most recent ones */
  constructor(private readonly most: number) {}

  has(author: string): boolean {
    return this.#recent.has(author) || this.#older.has(author);
  }

  /** Tells what the author's last proof came to. */
  tell(author: string, held: boolean): void {
    if (!held) {
      this.#recent.delete(author);
      this.#older.delete(author);
      return;
    }
    this.#recent.add(author);
    if (this.#recent.size < this.most / 2) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }
}
