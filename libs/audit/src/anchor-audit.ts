import type { ActiveTime } from './active-time.js';
import type { Failure } from './audit-report.js';
import type { Anchor, OwnChain } from './own-chain.js';

/** How far the anchors were followed, and the broker time of the first entry that the next one has to cover. */
export interface AnchorAge {
  readonly anchors: number;
  readonly firstMs: number | null;
}

export interface AnchorAuditParameters {
  /** Undefined when no chain was asked. */
  readonly chain: OwnChain | undefined;
  readonly size: number;
  readonly active: ActiveTime;
  readonly lagMs: number;
}

/**
 * The log beside its anchors: each root is the entries' at its size, sizes grow, the newest is not above the log, and no entry was left without
 * an anchor for longer than stated.
 */
export class AnchorAudit {
  /** In the order of their sizes; those that do not grow are left out, and told. */
  readonly ofLog: readonly Anchor[];
  readonly #unordered: readonly Anchor[];
  /** The anchor that is next by size. */
  #next: number;
  #firstMs: number | null;
  #compared = 0;

  constructor(private readonly parameters: AnchorAuditParameters, age: AnchorAge = { anchors: 0, firstMs: null }) {
    const anchors = parameters.chain?.anchors ?? [];
    let highest = 0;
    const grows = anchors.map(({ size }) => size > highest && (highest = size) > 0);
    this.ofLog = anchors.filter((_, i) => grows[i]);
    this.#unordered = anchors.filter((_, i) => !grows[i]);
    this.#next = age.anchors;
    this.#firstMs = age.firstMs;
    this.#compared = age.anchors;
  }

  /** Roots of the anchors within these leaves; `rootWith` has the tree with so many of them. */
  compare(first: number, count: number, rootWith: (leaves: number) => Buffer): Failure[] {
    const failures: Failure[] = [];
    while (this.#compared < this.ofLog.length && this.ofLog[this.#compared]!.size <= first + count) {
      const anchor = this.ofLog[this.#compared++]!;
      const root = rootWith(anchor.size - first);
      if (root.equals(anchor.root)) continue;
      failures.push(of('LOG_FORKED', anchor.size, `${named(anchor)} has root ${anchor.root.toString('hex')}, the entries have ${root.toString('hex')}`));
    }
    return failures;
  }

  /** Called for each leaf in order, before anything else is done with it. */
  passed(leaf: number, timestampMs: number): Failure | undefined {
    let failure: Failure | undefined;
    const anchor = this.ofLog[this.#next];
    if (anchor !== undefined && anchor.size === leaf) failure = this.#close(anchor);
    this.#firstMs ??= timestampMs;
    return failure;
  }

  /** @param newestMs the newest broker time that was seen anywhere: the clock of a log that may have been stopped since */
  end(newestMs: number): Failure[] {
    const { chain, size, active, lagMs } = this.parameters;
    if (chain === undefined) return [];
    const failures = this.#unordered.map((anchor) => of('ANCHOR_ORDER', anchor.size, `${named(anchor)} is not above the anchor before it`));
    if (!chain.opened) return [...failures, of('ANCHOR_MISSING', 0, 'the log was never opened on the chain')];
    const last = this.ofLog[this.#next];
    if (last !== undefined && last.size === size) {
      const late = this.#close(last);
      if (late !== undefined) failures.push(late);
    }
    const newest = this.ofLog.at(-1);
    if (newest !== undefined && newest.size > size) failures.push(of('LOG_TRUNCATED', size, `${named(newest)} is above the published size ${size}`));
    // A log that was closed on the chain is anchored no more: its successor's first entry vouches for what was left.
    if (!chain.superseded && this.#firstMs !== null && active.exceeds(this.#firstMs, newestMs, lagMs)) {
      failures.push(of('ANCHOR_MISSING', this.anchoredSize, `no anchor covers this entry of ${new Date(this.#firstMs).toISOString()}, and the log has gone on until ${new Date(newestMs).toISOString()}`));
    }
    return failures;
  }

  /** The newest anchored size that the log has. */
  get anchoredSize(): number {
    return this.ofLog.findLast(({ size }) => size <= this.parameters.size)?.size ?? 0;
  }

  state(): AnchorAge {
    return { anchors: this.#next, firstMs: this.#firstMs };
  }

  #close(anchor: Anchor): Failure | undefined {
    const { active, lagMs } = this.parameters;
    const first = this.#firstMs;
    const from = this.ofLog[this.#next - 1]?.size ?? 0;
    this.#next++;
    this.#firstMs = null;
    if (first === null || !active.exceeds(first, anchor.block.timestampMs, lagMs)) return undefined;
    return of('ANCHOR_MISSING', from, `this entry of ${new Date(first).toISOString()} was first covered by ${named(anchor)}, of ${new Date(anchor.block.timestampMs).toISOString()}`);
  }
}

function named({ size, block }: Anchor): string {
  return `the anchor of size ${size} in block ${block.number}`;
}

function of(code: Failure['code'], leaf: number, detail: string): Failure {
  return { code, leaf, topic: null, partition: null, offset: null, detail };
}
