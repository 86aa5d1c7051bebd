interface RootLife {
  /** Block after which the root was first the tree's. */
  since: number;
  /** Block that first revoked a leaf live under it. */
  revokedAt?: number;
}

/**
 * Every root the tree had after some block, and when the first of its leaves was revoked.
 *
 * A root names its set of live leaves. A revoked leaf never returns, so a root that lost one never comes back, and the roots
 * without a loss form a stack: a revocation of a leaf registered at block g takes exactly those that came at g or later.
 */
export class RootHistory {
  readonly #lives = new Map<bigint, RootLife>();
  readonly #whole: RootLife[] = [];

  /** The tree's root after `block`; blocks come in order. */
  add(root: bigint, block: number): void {
    if (this.#lives.has(root)) return;
    const life = { since: block };
    this.#lives.set(root, life);
    this.#whole.push(life);
  }

  /** A leaf registered in `registeredAt` is revoked in `block`. Comes before the root after `block` is added. */
  revoke(registeredAt: number, block: number): void {
    for (let last = this.#whole.at(-1); last && last.since >= registeredAt; last = this.#whole.at(-1)) {
      last.revokedAt = block;
      this.#whole.pop();
    }
  }

  get(root: bigint): Readonly<RootLife> | undefined {
    return this.#lives.get(root);
  }
}
