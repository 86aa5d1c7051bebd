import type { BlockId } from '#libs/chain';
import { AtsError, isAtsError, type AtsCode } from '#libs/errors';
import type { ChainBlock } from '#libs/events';
import { ChainIndexer, type BlockLog } from './chain-indexer.js';

const FIRST = 10;
const hashOf = (number: number, fork: number): Buffer => Buffer.from(`${fork}/${number}`.padEnd(32));

/** A finalized chain up to `height`; from block `forkAt` on it is another one. */
class Node {
  height = 0;
  forkAt = Infinity;
  reads: number[] = [];
  refuseAbove = Infinity;
  readonly deployment = { chainId: 1, operator: '', deviceRegistry: '', policyRegistry: '', checkpointAnchor: '', firstBlock: FIRST, registryLagSeconds: 12 };

  #hash(number: number): Buffer { return hashOf(number, number >= this.forkAt ? 1 : 0); }
  head(): Promise<BlockId> { return Promise.resolve({ number: this.height, hash: this.#hash(this.height) }); }
  read(from: number, to: number): Promise<ChainBlock[]> {
    const count = to - from + 1;
    this.reads.push(count);
    if (count > this.refuseAbove) return Promise.reject(new AtsError('ATS_CHAIN_RPC_REFUSED', 'too many logs'));
    return Promise.resolve(Array.from({ length: count }, (_, i) => ({
      chainId: 1, number: from + i, hash: this.#hash(from + i), parentHash: this.#hash(from + i - 1), timestamp: 0, logs: [],
    })));
  }
}

class Log implements BlockLog {
  records: BlockId[] = [];
  /** The next append writes this many blocks and fails. */
  failAfter: number | undefined;
  range() {
    const [first, last] = [this.records[0], this.records.at(-1)];
    return Promise.resolve(first && last ? { first, last } : undefined);
  }
  find(number: number) { return Promise.resolve(this.records.find((record) => record.number === number)); }
  append(blocks: readonly ChainBlock[]): Promise<void> {
    const kept = this.failAfter;
    this.failAfter = undefined;
    this.records.push(...blocks.slice(0, kept).map(({ number, hash }) => ({ number, hash })));
    return kept === undefined ? Promise.resolve() : Promise.reject(new AtsError('ATS_BROKER_UNREACHABLE', 'gone'));
  }
  get numbers(): number[] { return this.records.map(({ number }) => number); }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const codeOf = async (action: Promise<unknown>): Promise<AtsCode | 'none'> => {
  try {
    await action;
  } catch (error) {
    if (isAtsError(error)) return error.code;
    throw error;
  }
  return 'none';
};

let node: Node;
let log: Log;
let indexer: ChainIndexer;
beforeEach(() => {
  node = new Node();
  log = new Log();
  indexer = new ChainIndexer(node, log);
});

it('writes every finalized block from the first of the deployment on, in reads of a bounded size', async () => {
  node.height = FIRST - 1;
  expect(await indexer.step()).toEqual({ status: 'current', last: undefined, finalized: FIRST - 1 });
  node.height = 250;
  while ((await indexer.step()).status === 'written');
  expect(log.numbers).toEqual(range(FIRST, 250));
  expect(Math.max(...node.reads)).toBe(100);
  expect(await indexer.step()).toEqual({ status: 'current', last: 250, finalized: 250 });
});

it('goes on where the log ends after a restart', async () => {
  node.height = 30;
  await indexer.step();
  node.height = 40;
  await new ChainIndexer(node, log).step();
  expect(log.numbers).toEqual(range(FIRST, 40));
});

it('leaves no gap when an append fails after a part of it was written', async () => {
  node.height = 30;
  log.failAfter = 5;
  expect(await codeOf(indexer.step())).toBe('ATS_BROKER_UNREACHABLE');
  await indexer.step();
  expect(log.numbers).toEqual(range(FIRST, 30));
});

it('never writes past a log whose newest block is not on the finalized chain', async () => {
  node.height = 30;
  await indexer.step();
  const written = log.numbers;
  for (const [forkAt, height] of [[30, 30], [30, 35], [25, 35], [25, 30], [25, 28]] as const) {
    Object.assign(node, { forkAt, height });
    for (const any of [indexer, new ChainIndexer(node, log)]) expect([forkAt, height, await codeOf(any.step())]).toEqual([forkAt, height, 'ATS_CHAIN_DIVERGED']);
  }
  expect(log.numbers).toEqual(written);
});

it('refuses a chain that changes between the look at its head and the read', async () => {
  node.height = 30;
  const { head } = node;
  node.head = () => head.call(node).then((id) => ({ ...id, hash: hashOf(30, 7) }));
  expect(await codeOf(indexer.step())).toBe('ATS_CHAIN_DIVERGED');
  expect(log.numbers).toEqual([]);
});

it('waits for a node that is behind on the same chain', async () => {
  node.height = 30;
  await indexer.step();
  for (const height of [28, FIRST - 2]) {
    node.height = height;
    expect(await indexer.step()).toEqual({ status: 'node-behind', last: 30, finalized: height });
  }
  node.height = 31;
  await indexer.step();
  expect(log.numbers).toEqual(range(FIRST, 31));
});

it('asks for fewer blocks when the node refuses, and for more again when it does not', async () => {
  Object.assign(node, { height: 200, refuseAbove: 30 });
  const codes = [];
  while (log.numbers.at(-1) !== 200) codes.push(await codeOf(indexer.step()));
  expect(log.numbers).toEqual(range(FIRST, 200));
  expect(codes.slice(0, 3)).toEqual(['ATS_CHAIN_RPC_REFUSED', 'ATS_CHAIN_RPC_REFUSED', 'none']);
});

it('refuses a log that begins with another block than the deployment', async () => {
  log.records.push({ number: FIRST + 1, hash: hashOf(FIRST + 1, 0) });
  node.height = 30;
  expect(await codeOf(indexer.step())).toBe('ATS_DEPLOYMENT_INVALID');
});
