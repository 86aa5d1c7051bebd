/**
 * Everything that a gate's deployment consists of, under everything that happens to it at once: gates, sink, anchor, indexer and brokers are killed, gates are
 * frozen and thrown out of their group, while producers send. Then it comes to rest, and the judge looks at what it has left.
 */
import { chooseEngine } from '#libs/proofs';
import { findHangingTransactions, tellFinding } from '#libs/stream';
import { until } from '../../support/gate-until.js';
import { Blows, type Counts } from './blows.js';
import { auditFacts, icingaFacts, logFacts, topicFacts } from './facts.js';
import { clean, judge, type Facts, type Judgement } from './judge.js';
import { drawPlan, type Strike } from './plan.js';
import { Ledger, produce } from './producer.js';
import { Progress } from './progress.js';
import { comeToRest, type Rest } from './rest.js';
import { Traffic } from './traffic.js';
import { ChaosWorld } from './world.js';

export interface ChaosOptions {
  seed: number;
  valid: number;
  bad: number;
  /** SIGKILLs of gates, sink, anchor and indexer. */
  kills: number;
  evictions: number;
  brokerKills: number;
  /** When to give up. */
  seconds: number;
  onProgress?: (line: string) => void;
}

export interface ChaosResult extends Judgement, Counts {
  ok: boolean;
  /** All that was sent was judged, logged, anchored and shown in Icinga2 within the bound; why not, when it was not. */
  atRest: boolean;
  waitsFor: string | null;
  produced: { valid: number; bad: number };
  /** Records that a producer sent again without need: the broker had them. */
  resent: number;
  /** What a single node has repaired at its starts, and which transactions hang at the end of the run. */
  repairs: string[];
  hanging: string[];
  /** Apps that ended by themselves, each with its last words. A supervisor starts them again; none should. */
  ownEnds: string[];
  verifier: string;
  auditDetail: string;
  seconds: number;
}

const PRODUCERS = 4;
const HOUSEHOLDS = 60;
/** Of a stream, by the message sets that acceptance allows for, with room for chance. */
const MOST_EPOCHS = 1_000;
/** Messages beyond those that the next strike waits for. */
const BEFORE_STRIKE = 30;
const DURING_STRIKE = 160;
const DURING_BROKER_STRIKE = 480;
const BACKLOG = 600;

/** One run in a world that is there; the world's apps run when it ends. */
export async function chaos(world: ChaosWorld, options: ChaosOptions): Promise<ChaosResult> {
  return await new Chaos(world, options).run();
}

class Chaos {
  readonly #started = Date.now();
  readonly #ledger = new Ledger();
  readonly #over = new AbortController();
  readonly #blows: Blows;
  readonly #progress: Progress;
  /** Messages that may have been sent by now. */
  #limit = 0;

  constructor(readonly world: ChaosWorld, readonly options: ChaosOptions) {
    this.#blows = new Blows(world);
    this.#progress = new Progress(world.kafka);
  }

  async run(): Promise<ChaosResult> {
    const { world, options } = this;
    const { seed, valid, bad, kills, evictions, brokerKills } = options;
    const plan = drawPlan({ seed, kills, evictions, brokerKills, messages: valid + bad, gates: world.parameters.gates, brokers: world.brokers.addresses.length });
    const bound = setTimeout(() => this.#over.abort(), options.seconds * 1_000);
    this.#progress.begin(this.#over.signal);
    let waitsFor: string | null = null;
    let rest: Rest | undefined;
    try {
      await Promise.all([...world.gates, world.app('sink'), world.app('anchor'), world.app('indexer')].map(async (app) => {
        await app.start();
        await app.works(120_000);
      }));
      await until('the parameter set is in force', () => Date.now() > world.inForceMs);
      this.options.onProgress?.(`all is up after ${this.#seconds()} s: ${plan.length} strikes`);
      await Promise.all([this.#strikeAll(plan), ...this.#traffic().map((traffic) => produce({
        kafka: world.kafka, traffic, ledger: this.#ledger, allowance: () => this.#allowance(), signal: this.#over.signal,
      }))]);
      this.options.onProgress?.(`the last blow after ${this.#seconds()} s`);
      rest = await comeToRest(world, this.#progress, this.#remaining());
    } catch (error) {
      waitsFor = error instanceof Error ? error.message : String(error);
    }
    clearTimeout(bound);
    this.#over.abort();
    await Promise.all([this.#progress.end(), this.#blows.close()]);
    return await this.#judge(waitsFor ?? rest?.waitsFor ?? null);
  }

  async #judge(waitsFor: string | null): Promise<ChaosResult> {
    const { world } = this;
    const hanging = (await findHangingTransactions(world.kafka, { patienceMs: 60_000 })).map(tellFinding);
    const verifier = chooseEngine('auto').name;
    const audited = await auditFacts(world, verifier);
    const facts: Facts = { sent: this.#ledger.sent(), ...(await topicFacts(world)), icinga: await icingaFacts(world), log: await logFacts(world), audited };
    const judgement = judge(facts);
    const { produced, acknowledged } = this.#ledger;
    return {
      ok: waitsFor === null && hanging.length === 0 && clean(judgement), atRest: waitsFor === null, waitsFor, ...judgement, ...this.#blows.counts, produced: { ...produced },
      resent: facts.source.filter(({ topic }) => topic === 'telemetry').length - acknowledged,
      repairs: [...world.repairs], hanging, ownEnds: [...world.apps.values()].flatMap(({ ownEnds }) => ownEnds), verifier, auditDetail: audited.detail, seconds: this.#seconds(),
    };
  }

  /** Strike by strike: messages flow up to where it falls; then what it strikes must work, and more flow while it is struck. */
  async #strikeAll(plan: readonly Strike[]): Promise<void> {
    for (const [i, { at, blows }] of plan.entries()) {
      this.#allow(at + BEFORE_STRIKE);
      await until(`${at} verdicts`, () => this.#over.signal.aborted || this.#progress.messages >= at, this.#remaining());
      await Promise.all(blows.map((blow) => this.#blows.prepare(blow)));
      const isOfBroker = blows.some((blow) => blow.type === 'broker' && blow.point !== undefined);
      this.#allow(at + BEFORE_STRIKE + (isOfBroker ? DURING_BROKER_STRIKE : DURING_STRIKE));
      if (this.#over.signal.aborted) return;
      await Promise.all(blows.map((blow) => this.#blows.deal(blow)));
      if ((i + 1) % 10 === 0) this.options.onProgress?.(`${i + 1} strikes of ${plan.length}, ${this.#progress.messages} verdicts, ${this.#seconds()} s`);
    }
    this.#allow(Infinity);
  }

  #allow(messages: number): void {
    this.#limit = Math.max(this.#limit, messages);
  }

  async #allowance(): Promise<number> {
    const left = () => Math.floor((Math.min(this.#limit, this.#progress.messages + BACKLOG) - this.#ledger.acknowledged) / PRODUCERS);
    await until('leave to send', () => this.#over.signal.aborted || left() > 0, this.#remaining());
    return Math.min(Math.max(left(), 1), 1_000);
  }

  #traffic(): Traffic[] {
    const { seed, valid, bad } = this.options;
    const { simulated } = this.world;
    const households = Math.max(HOUSEHOLDS, Math.ceil((2 * valid) / (MOST_EPOCHS * simulated.streams.length)));
    const epochBefore = simulated.lastEpoch() - 2 * MOST_EPOCHS;
    const share = (total: number, i: number) => Math.floor((total * (i + 1)) / PRODUCERS) - Math.floor((total * i) / PRODUCERS);
    return Array.from({ length: PRODUCERS }, (_, i) => new Traffic({
      world: simulated, seed: seed + 1_000 * (i + 1), valid: share(valid, i), bad: share(bad, i), epochBefore,
      households: Array.from({ length: households }, (__, household) => household).filter((household) => household % PRODUCERS === i),
    }));
  }

  #seconds(): number {
    return Math.round((Date.now() - this.#started) / 1_000);
  }

  /** Milliseconds until the run is given up. */
  #remaining(): number {
    return Math.max(1_000, this.options.seconds * 1_000 - (Date.now() - this.#started));
  }
}
