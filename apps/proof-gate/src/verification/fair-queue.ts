/** Share of the verifiers' time that authors without good standing get while others wait: 1 of so many parts. */
const SUSPECTS_PART = 4;

/** Largest batch of a flow's suspects before anything is known of them: proofs. */
const FIRST = 32;

/** Of an estimate of what a proof costs, how much each batch renews. */
const RENEWAL = 0.2;

/** Proofs to verify together. */
export interface Batch<T> {
  readonly items: readonly T[];
  readonly standing: Standing;
  /** Where they come from, when all come from one place. */
  readonly flow: string | undefined;
  /** What its class was charged until it is settled, milliseconds. */
  readonly charged: number;
}

/** Good: the author's last proof held. Nothing is known of the others, or no good. */
export type Standing = 'good' | 'suspect';

interface Flow<T> {
  items: T[];
  /** Largest batch that this flow's suspects get. */
  size: number;
}

interface Class<T> {
  readonly flows: Map<string, Flow<T>>;
  readonly weight: number;
  count: number;
  /** Verifiers' time that the class was given, divided by its weight. */
  spent: number;
  /** What one of its proofs costs, milliseconds. */
  cost: number;
}

/**
 * Which proofs are verified next, and with which others. A false proof costs its whole batch: halves are asked until it is alone. So proofs of authors in good
 * standing are batched over all flows (source partitions), an equal number from each; all others are batched by flow, in batches that shrink to a
 * single proof as their proofs fail, and get a quarter of the verifiers' time while there are others to verify. Whoever floods pays for it alone.
 */
export class FairQueue<T> {
  readonly #classes: Record<Standing, Class<T>>;
  #goodSize: number;

  /** @param most proofs of a batch at most */
  constructor(private readonly most: number) {
    const newClass = (weight: number): Class<T> => ({ flows: new Map(), weight, count: 0, spent: 0, cost: 1 });
    this.#classes = { good: newClass(SUSPECTS_PART - 1), suspect: newClass(1) };
    this.#goodSize = most;
  }

  get size(): number {
    return this.#classes.good.count + this.#classes.suspect.count;
  }

  push(flow: string, standing: Standing, item: T): void {
    const to = this.#classes[standing];
    // Who was idle has saved nothing up.
    if (to.count === 0) to.spent = Math.max(to.spent, this.#classes[standing === 'good' ? 'suspect' : 'good'].spent);
    to.count++;
    const known = to.flows.get(flow);
    if (known === undefined) to.flows.set(flow, { items: [item], size: Math.min(FIRST, this.most) });
    else known.items.push(item);
  }

  /** The next batch, undefined when nothing waits. {@link settle} has to follow. */
  take(): Batch<T> | undefined {
    const { good, suspect } = this.#classes;
    if (this.size === 0) return undefined;
    const standing = suspect.count === 0 || (good.count > 0 && good.spent <= suspect.spent) ? 'good' : 'suspect';
    const from = this.#classes[standing];
    const { items, flow } = standing === 'good' ? { items: this.#takeOfAll(), flow: undefined } : this.#takeOfNext();
    from.count -= items.length;
    const charged = from.cost * items.length;
    from.spent += charged / from.weight;
    return { items, standing, flow, charged };
  }

  /** What a batch came to. */
  settle({ items, standing, flow, charged }: Batch<T>, { failed, milliseconds }: { failed: number; milliseconds: number }): void {
    const of = this.#classes[standing];
    of.spent += (milliseconds - charged) / of.weight;
    of.cost += RENEWAL * (milliseconds / items.length - of.cost);
    const sizeAfter = (size: number) => (failed === 0 ? Math.min(this.most, Math.max(size, 2 * items.length)) : Math.max(1, Math.floor(items.length / (2 * failed))));
    const suspects = flow === undefined ? undefined : of.flows.get(flow);
    if (suspects !== undefined) suspects.size = sizeAfter(suspects.size);
    else if (standing === 'good') this.#goodSize = sizeAfter(this.#goodSize);
  }

  /** As many from each flow, as far as they have any; who is served first changes from batch to batch. */
  #takeOfAll(): T[] {
    const { flows } = this.#classes.good;
    const items: T[] = [];
    while (items.length < this.#goodSize && flows.size > 0) {
      const quota = Math.ceil((this.#goodSize - items.length) / flows.size);
      for (const [name, flow] of Array.from(flows)) {
        if (items.length === this.#goodSize) break;
        items.push(...flow.items.splice(0, Math.min(quota, this.#goodSize - items.length)));
        flows.delete(name);
        if (flow.items.length > 0) flows.set(name, flow);
      }
    }
    return items;
  }

  /** Flows of suspects stay known while they are empty: their size is what is known of them. */
  #takeOfNext(): { items: T[]; flow: string } {
    const { flows } = this.#classes.suspect;
    const [name, flow] = [...flows].find(([, { items }]) => items.length > 0)!;
    flows.delete(name);
    flows.set(name, flow);
    return { items: flow.items.splice(0, flow.size), flow: name };
  }
}
