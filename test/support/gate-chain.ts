import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RegistryProjection, type Deployment } from '#libs/chain';
import { cloudEventHeaders, type ChainBlock, type EventCodec } from '#libs/events';
import type { EventProducer } from '#libs/stream';
import { serializeParameterSet, type ParameterSet } from '#libs/verdict';
import { deployment as madeUp, published, registered, revoked } from '../../libs/chain/test/made-up-chain.js';

/** D is short here, so that tests need not wait for it. */
export const DEPLOYMENT: Deployment = { ...madeUp, firstBlock: 0, registryLagSeconds: 1 };

const BLOCK_MS = 300;

/** Writes chain-events as the indexer would, a block each 300 ms of real time, from logs that tests put in: real ABI encoding, no node. */
export class MadeUpChain {
  /** What everybody who reads chain-events knows. */
  readonly projection = new RegistryProjection(DEPLOYMENT);
  #logs: ChainBlock['logs'] = [];
  #leaves = 0;
  #versions = 0;
  #stop: AbortController | undefined;
  #run: Promise<void> = Promise.resolve();
  #written = Promise.withResolvers<void>();

  constructor(private readonly producer: EventProducer, private readonly codec: EventCodec) {}

  resume(): void {
    this.#stop ??= new AbortController();
    this.#run = this.#mine(this.#stop.signal);
  }

  /** No block comes until {@link resume}. */
  async pause(): Promise<void> {
    this.#stop?.abort();
    this.#stop = undefined;
    await this.#run;
  }

  /** Publishes the next version; resolves when it is in chain-events. */
  async publish(set: (version: number) => ParameterSet): Promise<void> {
    const version = ++this.#versions;
    await this.#put(published(version, serializeParameterSet(set(version)).toString()));
  }

  /** Adds a leaf and returns the root with it. */
  async register(): Promise<bigint> {
    await this.#put(registered(this.#leaves++));
    return this.projection.tree().root;
  }

  async revoke(index: number): Promise<void> {
    await this.#put(revoked(index));
  }

  /** Resolves when records that the broker takes from now on are judged by a state that has all that was put in. */
  async settle(): Promise<void> {
    await delay(DEPLOYMENT.registryLagSeconds * 1000 + 2 * BLOCK_MS);
  }

  async #put(log: ChainBlock['logs'][number]): Promise<void> {
    this.#logs.push(log);
    await this.#written.promise;
  }

  async #mine(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const logs = this.#logs;
      const written = this.#written;
      this.#logs = [];
      this.#written = Promise.withResolvers();
      const number = (this.projection.head?.number ?? -1) + 1;
      const block = { chainId: DEPLOYMENT.chainId, number, hash: hashOf(number), parentHash: hashOf(number - 1), timestamp: Date.now(), logs };
      const headers = cloudEventHeaders({ id: `${number}`, source: '/chain-indexer', type: 'attestream.chain-events', subject: `${number}`, time: block.timestamp });
      await this.producer.send([{ topic: 'chain-events', partition: 0, key: Buffer.from(`${number}`), value: this.codec.encode('chain-events', block), headers }]);
      this.projection.apply(block);
      written.resolve();
      await delay(BLOCK_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function hashOf(number: number): Buffer {
  return createHash('sha256').update(`block ${number}`).digest();
}
