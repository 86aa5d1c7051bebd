import { setTimeout as delay } from 'node:timers/promises';
import { LogSession } from '../../../libs/stream/src/log-session.js';
import { until } from '../../support/gate-until.js';
import type { AppLife } from './life.js';
import type { AppKind, Blow, Point } from './plan.js';
import type { ChaosWorld } from './world.js';

export const GROUP = 'proof-gate';
const WORKS_MS = 60_000;
const IN_SYNC_MS = 120_000;
const EVICTION_TRIES = 3;
/** Commits of a gate before it kills the broker within one: the others are at work by then. */
const UNDER_WAY = 4;
/** How long a trap may take to be sprung. */
const TRAP_MS = 3_000;

export interface Counts {
  kills: Record<AppKind | 'broker', number>;
  evictions: number;
}

/** Deals the blows of a plan. */
export class Blows {
  readonly counts: Counts = { kills: { gate: 0, sink: 0, anchor: 0, indexer: 0, broker: 0 }, evictions: 0 };
  readonly #session: LogSession;

  constructor(private readonly world: ChaosWorld) {
    this.#session = new LogSession(world.kafka, 'evictor');
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  /** Resolves when the blow can be dealt: what it strikes works. One that has not come up in a minute is struck as it is. */
  async prepare(blow: Blow): Promise<void> {
    if (blow.type === 'broker') return await this.#inSync();
    if (blow.type === 'kill' && blow.starting) return;
    await this.#target(blow).works(WORKS_MS).catch(() => undefined);
  }

  async deal(blow: Blow): Promise<void> {
    if (blow.type === 'broker') return await this.#killBroker(blow);
    if (blow.type === 'evict') return await this.#evict(blow);
    await this.#target(blow).kill(blow.point);
    this.counts.kills[blow.app]++;
  }

  #target(blow: Exclude<Blow, { type: 'broker' }>): AppLife {
    return blow.type === 'evict' ? this.world.app('gate', blow.instance) : this.world.app(blow.app, blow.instance);
  }

  async #killBroker({ broker, point, downMs }: Extract<Blow, { type: 'broker' }>): Promise<void> {
    const { pid } = this.world.brokers;
    if (point !== undefined && pid !== undefined) await this.#trap(point, pid);
    await this.world.brokers.kill(broker);
    this.counts.kills.broker++;
    await delay(downMs);
    await this.world.brokers.start(broker);
  }

  /** Lets the gate that comes to this point first kill the process. */
  async #trap(point: Point, pid: number): Promise<void> {
    const { gates } = this.world;
    for (const gate of gates) gate.setTraps({ at: point, signal: 'SIGKILL', topic: 'telemetry', pid, after: UNDER_WAY });
    await until('the trap', () => !lives(pid), TRAP_MS).catch(() => undefined); // no gate has come there: it is killed as it is
    for (const gate of gates) gate.setTraps();
  }

  async #evict({ instance, point, frozenMs }: Extract<Blow, { type: 'evict' }>): Promise<void> {
    const gate = this.world.app('gate', instance);
    for (let tries = 0; tries < EVICTION_TRIES; tries++) {
      await gate.freeze(point);
      const thawAt = Date.now() + frozenMs;
      try {
        await this.expel(gate);
        this.counts.evictions++;
        await delay(Math.max(0, thawAt - Date.now()));
        return;
      } catch {
        // It had just left for another generation, or the coordinator is moving: once more.
      } finally {
        gate.thaw();
      }
      await gate.works(WORKS_MS).catch(() => undefined);
    }
  }

  /** Takes a member out of its group in its name, as an administrator can. */
  async expel(gate: AppLife): Promise<void> {
    const memberId = gate.memberId();
    if (memberId === undefined) throw new Error(`${gate.name} has joined no group`);
    await this.#session.leaveGroup(GROUP, memberId, { patienceMs: 5_000 });
  }

  /** All copies of everything are as new as their leader's: the next broker may be killed without two of three being behind. */
  async #inSync(): Promise<void> {
    if (this.world.brokers.copies === 1) return;
    const admin = this.world.kafka.role('in-sync', { retries: 2 }).admin();
    try {
      await until('all copies are in sync', async () => {
        try {
          await admin.connect();
          const { topics } = await admin.fetchTopicMetadata();
          return topics.length > 0 && topics.every(({ partitions }) => partitions.every(({ replicas, isr }) => isr.length === replicas.length));
        } catch {
          return false; // its broker is one that was killed: asked again
        }
      }, IN_SYNC_MS);
    } finally {
      await admin.disconnect();
    }
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
