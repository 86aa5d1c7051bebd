import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isAtsError } from '#libs/errors';
import { FinalizedChain } from './finalized-chain.js';
import { JsonRpc, RpcRefusal, quantity } from './json-rpc.js';

let server: Server;
let url: string;
let answer: (request: { id: number; method: string; params?: unknown[] }[]) => { status?: number; body: string };

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const calls = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string } | { id: number; method: string }[];
      const { status = 200, body } = answer([calls].flat());
      response.writeHead(status).end(body);
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => { server.close(); });

const failureOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
  } catch (error) {
    if (isAtsError(error)) return error.message;
    throw error;
  }
  return 'none';
};
const ask = () => new JsonRpc(url, 500).call('eth_chainId', [], quantity);

it.each([
  ['text that is not JSON', 200, 'hello'],
  ['an HTML page', 404, '<html>'],
  ['nothing', 200, ''],
  ['null', 200, 'null'],
  ['an object of no meaning', 200, '{}'],
  ['an empty batch', 200, '[]'],
  ["another call's answer", 200, '{"jsonrpc":"2.0","id":7,"result":"0x1"}'],
  ['a result of another type', 200, '{"jsonrpc":"2.0","id":0,"result":1}'],
  ['a number that is not hex', 200, '{"jsonrpc":"2.0","id":0,"result":"one"}'],
  ['a number too large to be one', 200, `{"jsonrpc":"2.0","id":0,"result":"0x${'f'.repeat(14)}"}`],
  ['no result', 200, '{"jsonrpc":"2.0","id":0}'],
])('a node that answers %s is ATS_CHAIN_RPC_INVALID, in one line', async (_, status, body) => {
  answer = () => ({ status, body });
  expect(await failureOf(ask())).toMatch(/^ATS_CHAIN_RPC_INVALID: [^\n]*$/);
});

it.each([
  ['a bad gateway', () => ({ status: 502, body: '<html>' })],
])('%s is ATS_CHAIN_UNREACHABLE', async (_, reply) => {
  answer = reply;
  expect(await failureOf(ask())).toMatch(/^ATS_CHAIN_UNREACHABLE.*502/);
});

it('a node that is away, or silent, is ATS_CHAIN_UNREACHABLE', async () => {
  const gone = createServer();
  await new Promise<void>((resolve) => { gone.listen(0, '127.0.0.1', resolve); });
  const gonePort = (gone.address() as AddressInfo).port;
  await new Promise<void>((resolve) => { gone.close(() => resolve()); });
  expect(await failureOf(new JsonRpc(`http://127.0.0.1:${gonePort}`).call('x', [], quantity))).toMatch(/^ATS_CHAIN_UNREACHABLE.*ECONNREFUSED/);
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  const { port } = silent.address() as AddressInfo;
  expect(await failureOf(new JsonRpc(`http://127.0.0.1:${port}`, 100).call('x', [], quantity))).toMatch(/^ATS_CHAIN_UNREACHABLE/);
  silent.closeAllConnections();
  silent.close();
});

it('a node whose answer does not end is ATS_CHAIN_RPC_INVALID, and is read no further than the bound', async () => {
  let sent = 0;
  const endless = createServer((_, response) => {
    const more = (): void => {
      if (response.destroyed) return;
      sent += 65_536;
      if (response.write(Buffer.alloc(65_536, 0x20))) setImmediate(more);
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => { endless.listen(0, '127.0.0.1', resolve); });
  const { port } = endless.address() as AddressInfo;
  expect(await failureOf(new JsonRpc(`http://127.0.0.1:${port}`, 60_000, 1 << 20).call('x', [], quantity))).toMatch(/^ATS_CHAIN_RPC_INVALID.*more than 1048576 bytes/);
  expect(sent).toBeLessThan(64 << 20);
  endless.closeAllConnections();
  endless.close();
});

it('a refusal keeps the reason and the revert data', async () => {
  answer = () => ({ body: '{"jsonrpc":"2.0","id":0,"error":{"code":3,"message":"execution reverted","data":"0xabcd"}}' });
  const refusal = await ask().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RpcRefusal);
  expect(refusal).toMatchObject({ code: 'ATS_CHAIN_RPC_REFUSED', reason: 'execution reverted', data: '0xabcd' });
});

it('answers of a batch are matched by id, in whatever order they come', async () => {
  answer = (calls) => ({ body: JSON.stringify(calls.map(({ id }) => ({ jsonrpc: '2.0', id, result: `0x${id}` })).toReversed()) });
  const calls = Array.from({ length: 5 }, () => ({ method: 'x', params: [], result: quantity }));
  expect(await new JsonRpc(url).batch(calls)).toEqual([0, 1, 2, 3, 4]);
});

describe('blocks and logs that do not fit together are refused', () => {
  const deployment = {
    chainId: 1, operator: `0x${'0a'.repeat(20)}`, deviceRegistry: `0x${'0d'.repeat(20)}`, policyRegistry: `0x${'0e'.repeat(20)}`, checkpointAnchor: `0x${'0f'.repeat(20)}`, firstBlock: 1, registryLagSeconds: 12,
  };
  const word = (n: number): string => `0x${n.toString(16).padStart(64, '0')}`;
  const block = (number: number) => ({ number: `0x${number.toString(16)}`, hash: word(number), parentHash: word(number - 1), timestamp: '0x10', logsBloom: `0x${'00'.repeat(256)}` });
  const log = (number: number, logIndex = 0) => ({
    address: deployment.deviceRegistry, topics: [word(1)], data: '0x', blockNumber: `0x${number.toString(16)}`, blockHash: word(number),
    transactionHash: word(9), logIndex: `0x${logIndex.toString(16)}`, removed: false,
  });
  const serve = (blocks: object[], logs: object[]): void => {
    answer = (calls) => {
      const answers = calls.map(({ id, method }) => ({ jsonrpc: '2.0', id, result: method === 'eth_getLogs' ? logs : blocks[id] }));
      return { body: JSON.stringify(answers.length === 1 ? answers[0] : answers) };
    };
  };
  const read = () => new FinalizedChain(url, deployment).read(1, 3);

  it('when they fit, each log is with its block, in order', async () => {
    serve([block(1), block(2), block(3)], [log(3), log(2, 1), log(2, 0)]);
    const blocks = await read();
    expect(blocks.map(({ number, timestamp, logs }) => [number, timestamp, logs.map(({ logIndex }) => logIndex)])).toEqual([[1, 16_000, []], [2, 16_000, [0, 1]], [3, 16_000, [0]]]);
  });

  it('a block whose bloom filter says that it may have logs is asked for them by its hash: a range that leaves them out does not pass for none', async () => {
    const marked = { ...block(2), logsBloom: `0x${'ff'.repeat(256)}` };
    const blocks = [block(1), marked, block(3)];
    answer = (calls) => {
      const answers = calls.map(({ id, method, params }) => {
        const byHash = (params?.[0] as { blockHash?: string } | undefined)?.blockHash === word(2);
        return { jsonrpc: '2.0', id, result: method === 'eth_getLogs' ? (byHash ? [log(2)] : []) : blocks[id] };
      });
      return { body: JSON.stringify(answers.length === 1 ? answers[0] : answers) };
    };
    expect((await read()).map(({ logs }) => logs.length)).toEqual([0, 1, 0]);
  });

  it.each([
    ['a block that is not there', [block(1), null, block(3)], []],
    ['a block of another number', [block(1), block(3), block(3)], []],
    ['a broken parent link', [block(1), { ...block(2), parentHash: word(7) }, block(3)], []],
    ['a log of another block', [block(1), block(2), block(3)], [{ ...log(2), blockHash: word(7) }]],
    ['a log outside the range', [block(1), block(2), block(3)], [log(4)]],
    ['a log that was removed', [block(1), block(2), block(3)], [{ ...log(2), removed: true }]],
    ['a hash that is too short', [block(1), { ...block(2), hash: '0x12' }, block(3)], []],
    ['five topics', [block(1), block(2), block(3)], [{ ...log(2), topics: Array(5).fill(word(1)) }]],
  ])('%s', async (_, blocks, logs) => {
    serve(blocks as object[], logs);
    expect(await failureOf(read())).toMatch(/^ATS_CHAIN_RPC_INVALID/);
  });
});
