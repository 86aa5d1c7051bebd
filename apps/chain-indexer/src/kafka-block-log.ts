import type { BlockId } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { cloudEventHeaders, decodeBlock, type ChainBlock, type EventCodec, type KafkaRecord, type OutgoingRecord } from '#libs/events';
import type { EventProducer, LogReader } from '#libs/stream';
import type { BlockLog } from './chain-indexer.js';

const TOPIC = 'chain-events';
const PARTITION = 0;

/** The topic chain-events as a log of blocks. */
export class KafkaBlockLog implements BlockLog {
  constructor(
    private readonly reader: Pick<LogReader, 'earliest' | 'highWatermark' | 'read'>,
    private readonly producer: Pick<EventProducer, 'send'>,
    private readonly codec: Pick<EventCodec, 'encode'>,
    private readonly chainId: number,
  ) {}

  async range(): Promise<{ first: BlockId; last: BlockId } | undefined> {
    const start = await this.reader.earliest(TOPIC, PARTITION);
    const end = await this.reader.highWatermark(TOPIC, PARTITION);
    const first = await this.#firstBlock(start, end);
    if (!first) return undefined;
    for (let offset = end - 1n; offset >= start; offset--) {
      const last = await this.#firstBlock(offset, offset + 1n);
      if (last) return { first, last };
    }
    return undefined;
  }

  /** A block's first record lies as far from the topic's start as the block from the first one, or later by what was written twice. */
  async find(number: number): Promise<BlockId | undefined> {
    const start = await this.reader.earliest(TOPIC, PARTITION);
    const end = await this.reader.highWatermark(TOPIC, PARTITION);
    const first = await this.#firstBlock(start, end);
    if (!first || number < first.number) return undefined;
    for await (const record of this.reader.read(TOPIC, PARTITION, start + BigInt(number - first.number), end)) {
      const block = this.#decode(record);
      if (block?.number === number) return block;
    }
    return undefined;
  }

  async append(blocks: readonly ChainBlock[]): Promise<void> {
    await this.producer.send(blocks.map((block) => this.#record(block)));
  }

  async #firstBlock(from: bigint, to: bigint): Promise<BlockId | undefined> {
    for await (const record of this.reader.read(TOPIC, PARTITION, from, to)) {
      const block = this.#decode(record);
      if (block) return block;
    }
    return undefined;
  }

  /** A record that is no event at all is none of ours: the gate logs it as MALFORMED, and it is passed over here. */
  #decode({ value, offset }: KafkaRecord): BlockId | undefined {
    let block: ChainBlock;
    try {
      block = decodeBlock(value);
    } catch (error) {
      if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
      throw error;
    }
    if (block.chainId !== this.chainId) {
      throw new AtsError('ATS_CHAIN_WRONG', `${TOPIC} holds chain ${block.chainId} at offset ${offset}, the deployment is on chain ${this.chainId}`);
    }
    return { number: block.number, hash: block.hash };
  }

  /** Everything in it comes from the block: written twice, it is the same record. */
  #record(block: ChainBlock): OutgoingRecord {
    return {
      topic: TOPIC,
      partition: PARTITION,
      key: Buffer.from(String(block.number)),
      value: this.codec.encode(TOPIC, block),
      headers: cloudEventHeaders({
        id: block.hash.toString('hex'), source: `/chain/${block.chainId}`, type: 'attestream.chain-block', subject: String(block.number), time: block.timestamp,
      }),
    };
  }
}
