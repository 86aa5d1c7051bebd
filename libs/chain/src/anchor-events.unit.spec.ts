import { Interface, id as keccakText } from 'ethers';
import { isAtsError } from '#libs/errors';
import { deployment } from '../test/made-up-chain.js';
import { anchorEvents, decodeAnchorLog } from './anchor-events.js';
import { checkpointAnchorContract } from './contracts.generated.js';
import { logIdOf } from './checkpoint-anchor.js';
import { JsonRpc, RpcRefusal, type RpcCall } from './json-rpc.js';

const contract = new Interface(checkpointAnchorContract.abi);
const word = (n: number): string => `0x${n.toString(16).padStart(64, '0')}`;
const hex = (n: number): string => `0x${n.toString(16)}`;
const LOG = `0x${logIdOf('log.example').toString('hex')}`;

type Log = { address: string; topics: string[]; data: string; blockNumber: string; blockHash: string; transactionHash: string; logIndex: string };
const log = (number: number, event: string, values: unknown[], logIndex = 0): Log => {
  const { topics, data } = contract.encodeEventLog(event, values);
  return {
    address: deployment.checkpointAnchor, topics: topics as string[], data, blockNumber: hex(number), blockHash: word(number),
    transactionHash: word(900 + number), logIndex: hex(logIndex),
  };
};
const anchored = (number: number, size: number, logIndex = 0): Log => log(number, 'Anchored', [LOG, size, word(size)], logIndex);

/** A node with blocks 0 to 400 and the logs that it is given. `hidden`: what it leaves out when asked over a range. */
class MadeUpNode extends JsonRpc {
  requests = 0;
  constructor(readonly logs: Log[], readonly options: { finalized?: number; chainId?: number; hidden?: Log[]; block?: (number: number) => object } = {}) {
    super('http://127.0.0.1:1');
  }

  override async batch<T>(calls: readonly RpcCall<T>[]): Promise<T[]> {
    this.requests++;
    return calls.map(({ method, params, result }) => result.parse(this.#answer(method, params)));
  }

  #answer(method: string, [first]: readonly unknown[]): unknown {
    const { finalized = 400, chainId = deployment.chainId, hidden = [], block } = this.options;
    if (method === 'eth_chainId') return hex(chainId);
    if (method === 'eth_getBlockByNumber') {
      const number = first === 'finalized' ? finalized : Number(first);
      const marked = this.logs.some(({ blockNumber }) => Number(blockNumber) === number);
      return { number: hex(number), hash: word(number), parentHash: word(number - 1), timestamp: hex(number * 2), logsBloom: `0x${(marked ? 'ff' : '00').repeat(256)}`, ...block?.(number) };
    }
    const filter = first as { blockHash?: string; fromBlock?: string; toBlock?: string };
    if (filter.blockHash) return this.logs.filter(({ blockHash }) => blockHash === filter.blockHash);
    return this.logs.filter((each) => !hidden.includes(each) && Number(each.blockNumber) >= Number(filter.fromBlock) && Number(each.blockNumber) <= Number(filter.toBlock));
  }
}

const read = (rpc: JsonRpc, fromBlock = 5, toBlock = 400) => anchorEvents({ rpc, deployment, fromBlock, toBlock });
const failureOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
  } catch (error) {
    if (isAtsError(error)) return error.message;
    throw error;
  }
  return 'none';
};

const opened = log(7, 'LogOpened', [LOG, 'log.example', word(0)]);
const next = `0x${logIdOf('log.example/2').toString('hex')}`;
const history = [opened, anchored(8, 3), anchored(200, 9, 1), log(200, 'LogSuperseded', [LOG, next, 9, word(9)], 3), log(200, 'LogOpened', [next, 'log.example/2', LOG], 2)];

it('every event comes in the order of the chain, with its place', async () => {
  const events = await read(new MadeUpNode(history));
  expect(events.map(({ type, blockNumber, logIndex }) => [type, blockNumber, logIndex])).toEqual([
    ['opened', 7, 0], ['anchored', 8, 0], ['anchored', 200, 1], ['opened', 200, 2], ['superseded', 200, 3],
  ]);
  expect(events[0]).toMatchObject({ logId: logIdOf('log.example'), origin: 'log.example', predecessor: undefined });
  expect(events[1]).toMatchObject({ size: 3, root: Buffer.from(word(3).slice(2), 'hex'), blockTimeMs: 16_000, transactionHash: Buffer.from(word(908).slice(2), 'hex'), blockHash: Buffer.from(word(8).slice(2), 'hex') });
  expect(events[3]).toMatchObject({ origin: 'log.example/2', predecessor: logIdOf('log.example') });
  expect(events[4]).toMatchObject({ size: 9, successor: logIdOf('log.example/2') });
});

it('an anchor that the node leaves out of a range is found by the bloom filter of its block', async () => {
  const events = await read(new MadeUpNode(history, { hidden: history }));
  expect(events).toHaveLength(5);
});

it('an empty range is no event', async () => {
  expect(await read(new MadeUpNode(history), 9, 8)).toEqual([]);
});

it.each<[string, MadeUpNode, RegExp]>([
  ['a range that is not final yet', new MadeUpNode(history, { finalized: 399 }), /^ATS_CHAIN_RPC_INVALID.*block 400 .*finalized 399/],
  ['another chain', new MadeUpNode(history, { chainId: 1 }), /^ATS_CHAIN_WRONG/],
  ['a chain that breaks inside a read', new MadeUpNode(history, { block: (n) => (n === 20 ? { parentHash: word(1) } : {}) }), /^ATS_CHAIN_RPC_INVALID.*20 is not the child/],
  ['a chain that breaks between two reads', new MadeUpNode(history, { block: (n) => (n === 133 ? { parentHash: word(1) } : {}) }), /^ATS_CHAIN_RPC_INVALID.*133 is not the child/],
  ['a log of another block', new MadeUpNode([{ ...anchored(8, 3), blockHash: word(9) }], { block: () => ({ logsBloom: `0x${'00'.repeat(256)}` }) }), /^ATS_CHAIN_RPC_INVALID/],
  ['a log without its data', new MadeUpNode([{ ...anchored(8, 3), data: '0x' }]), /^ATS_CHAIN_RPC_INVALID.*no event/],
  ['a size above what the contract takes', new MadeUpNode([log(8, 'Anchored', [LOG, 2n ** 53n, word(1)])]), /^ATS_CHAIN_RPC_INVALID.*no event/],
  ['a log opened under another name', new MadeUpNode([log(7, 'LogOpened', [LOG, 'other', word(0)])]), /^ATS_CHAIN_RPC_INVALID.*no event/],
  ["a role's event where ours were asked for", new MadeUpNode([{ ...anchored(8, 3), topics: [keccakText('RoleGranted(bytes32,address,address)'), LOG, LOG, LOG], data: '0x' }]), /^ATS_CHAIN_RPC_INVALID.*no event/],
  ['a log of another contract', new MadeUpNode([{ ...anchored(8, 3), address: deployment.policyRegistry }]), /^ATS_CHAIN_RPC_INVALID/],
])('%s is refused', async (_, node, expected) => {
  expect(await failureOf(read(node))).toMatch(expected);
});

it('what is no event decodes to nothing', () => {
  expect(decodeAnchorLog({ topics: [], data: Buffer.alloc(0) })).toBeUndefined();
  expect(decodeAnchorLog({ topics: [Buffer.alloc(32, 1)], data: Buffer.alloc(32) })).toBeUndefined();
});

it("a node's refusal passes through", async () => {
  const node = new (class extends MadeUpNode {
    override async batch(): Promise<never> {
      throw new RpcRefusal('eth_getLogs', -32_000, 'too many', undefined);
    }
  })([]);
  expect(await failureOf(read(node))).toMatch(/^ATS_CHAIN_RPC_REFUSED/);
});
