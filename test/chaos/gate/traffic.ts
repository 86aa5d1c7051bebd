/** What the producers say: honest messages and every kind of bad one, drawn from the seed, each with the verdict that it must get. */
import { recordHash, type HealthState, type OutgoingRecord } from '#libs/events';
import { BAD_KIND_NAMES, BAD_KINDS, type BadKind, type BadKindName, type Said, type SimulatedWorld } from '../../support/simulated/index.js';
import { Random } from '../anchor/random.js';
import type { Sent } from './judge.js';

export interface Message {
  readonly record: OutgoingRecord;
  readonly kind: 'valid' | BadKindName;
  readonly sent: Omit<Sent, 'acknowledged'>;
}

export interface TrafficParameters {
  world: SimulatedWorld;
  seed: number;
  /** Numbers of the households that this producer speaks for, nobody else does. */
  households: readonly number[];
  valid: number;
  bad: number;
  /** The epoch before the first of every stream. */
  epochBefore: number;
}

type Saying = Required<Pick<Said, 'household' | 'stream' | 'epoch' | 'state'>>;

const STATES = ['OK', 'WARNING', 'CRITICAL'] as const satisfies readonly HealthState[];
const LARGEST_BATCH = 40;

/** One producer's messages, batch by batch. A batch is drawn once the one before it was acknowledged: what it repeats must have come before it. */
export class Traffic {
  readonly #random: Random;
  #valid: number;
  #bad: number;
  /** Said and acknowledged, by stream: the number of epochs. */
  readonly #streams: { household: number; stream: string; said: number; settled: number }[];
  #variant = 0;

  constructor(private readonly parameters: TrafficParameters) {
    const { world, households, seed, valid, bad } = parameters;
    this.#random = new Random(seed);
    this.#valid = valid;
    this.#bad = bad;
    this.#streams = households.flatMap((household) => world.streams.map((stream) => ({ household, stream, said: 0, settled: 0 })));
  }

  get left(): number {
    return this.#valid + this.#bad;
  }

  next(most = LARGEST_BATCH): Message[] {
    for (const stream of this.#streams) stream.settled = stream.said;
    const size = Math.min(this.#random.between(1, LARGEST_BATCH), most, this.left);
    return Array.from({ length: size }, () => {
      const isBad = this.#random.next() * this.left < this.#bad;
      if (isBad) this.#bad--;
      else this.#valid--;
      return isBad ? this.#badMessage() : this.#honest();
    });
  }

  #honest(): Message {
    const stream = this.#random.pick(this.#streams);
    stream.said++;
    const said = this.#saying(stream, stream.said);
    return this.#message('valid', 'VERIFIED', said, this.parameters.world.telemetry(said));
  }

  #badMessage(): Message {
    const settled = this.#streams.filter((stream) => stream.settled > 0);
    const kinds = settled.length > 0 ? BAD_KIND_NAMES : BAD_KIND_NAMES.filter((name) => !(BAD_KINDS[name] as BadKind).repeats);
    const kind = this.#random.pick(kinds);
    const { verdict, repeats, make }: BadKind = BAD_KINDS[kind];
    if (repeats) {
      const stream = this.#random.pick(settled);
      const said = this.#saying(stream, this.#random.between(1, stream.settled));
      return this.#message(kind, verdict, said, make(this.parameters.world, said));
    }
    // It speaks for the window that comes next, whose nullifier it must not use up.
    const stream = this.#random.pick(this.#streams);
    const said = { ...this.#saying(stream, stream.said + 1), variant: ++this.#variant };
    return this.#message(kind, verdict, said, make(this.parameters.world, said));
  }

  /** The same again for the same window, so that a replay can be made. */
  #saying({ household, stream }: { household: number; stream: string }, nth: number): Saying {
    const { world, epochBefore } = this.parameters;
    return { household, stream, epoch: epochBefore + nth, state: STATES[world.bytes(`state ${household} ${stream} ${nth}`, 1)[0]! % STATES.length]! };
  }

  #message(kind: Message['kind'], verdict: string, said: Saying, record: OutgoingRecord): Message {
    const hash = recordHash({ key: record.key, value: record.value, headers: Object.entries(record.headers) }).toString('hex');
    const usesNullifier = verdict === 'VERIFIED' || verdict === 'PROOF_INVALID' || verdict === 'NULLIFIER_SEEN';
    const claim = { host: this.parameters.world.pseudonymOf(said.household).toString('hex'), service: said.stream, epoch: said.epoch, state: said.state };
    return { record, kind, sent: { hash, verdict, claim: usesNullifier ? claim : undefined } };
  }
}
