import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { Interface } from 'ethers';
import { isAtsError } from '#libs/errors';
import { Endpoint } from './endpoint.js';
import { FinalizedChain } from './finalized-chain.js';
import { JsonRpc, quantity } from './json-rpc.js';
import { sendTransaction } from './transactions.js';

const SECRETS = ['s3cret-user', 'p@ss:word', 'a1b2c3d4e5f6', 'query-key-77'];
let server: Server;
let host: string;
let reply: RequestListener;

beforeAll(async () => {
  server = createServer((request, response) => reply(request, response));
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => { server.close(); });

const secretUrl = (at = host): string => `http://${encodeURIComponent(SECRETS[0]!)}:${encodeURIComponent(SECRETS[1]!)}@${at}/v3/${SECRETS[2]}?apikey=${SECRETS[3]}`;
const failureOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
  } catch (error) {
    if (!isAtsError(error)) throw error;
    // all that a log could print of it, its causes included
    return inspect(error, { depth: 10 });
  }
  return 'none';
};
const expectNoSecret = (text: string): void => {
  for (const secret of SECRETS.flatMap((each) => [each, encodeURIComponent(each)])) expect(text).not.toContain(secret);
};

it('the user of a URL is sent as HTTP asks for it, the path and the query as they are', async () => {
  let seen: unknown;
  reply = (request, response) => {
    seen = [request.url, Buffer.from(request.headers.authorization!.split(' ')[1]!, 'base64').toString()];
    response.end('{"jsonrpc":"2.0","id":0,"result":"0x1"}');
  };
  expect(await new JsonRpc(secretUrl()).call('eth_chainId', [], quantity)).toBe(1);
  expect(seen).toEqual(['/v3/a1b2c3d4e5f6?apikey=query-key-77', 's3cret-user:p@ss:word']);
});

describe('an error names scheme, host and port of the node, and nothing else of its URL', () => {
  it.each<[string, RequestListener, RegExp]>([
    ['repeats the path that it was asked at', (request, response) => response.writeHead(404).end(`Cannot POST ${request.url}`), /ATS_CHAIN_RPC_INVALID/],
    ['begins its page with the key', (_, response) => response.writeHead(401).end(`a1b2c3d4e5f6 is no key`), /ATS_CHAIN_RPC_INVALID/],
    ['refuses and says for whom', (_, response) => response.end('{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"key query-key-77 of s3cret-user is spent"}}'), /ATS_CHAIN_RPC_REFUSED/],
    ['is a gateway that fails', (request, response) => response.writeHead(502).end(`no upstream for ${request.url}`), /ATS_CHAIN_UNREACHABLE/],
    ['answers something else', (_, response) => response.end('{"jsonrpc":"2.0","id":0,"result":7}'), /ATS_CHAIN_RPC_INVALID/],
    ['hangs up', (request) => request.socket.destroy(), /ATS_CHAIN_UNREACHABLE/],
  ])('when the node %s', async (_, listener, code) => {
    reply = listener;
    const failure = await failureOf(new JsonRpc(secretUrl()).call('eth_chainId', [], quantity));
    expect(failure).toMatch(code);
    expectNoSecret(failure);
  });

  it('when there is no node, or it is of another chain', async () => {
    const away = await failureOf(new JsonRpc(secretUrl('127.0.0.1:1')).call('eth_chainId', [], quantity));
    expect(away).toMatch(/ATS_CHAIN_UNREACHABLE: .*: http:\/\/127\.0\.0\.1:1: /);
    expectNoSecret(away);
    const zeros = `0x${'00'.repeat(32)}`;
    reply = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const block = { number: '0x1', hash: zeros, parentHash: zeros, timestamp: '0x1', logsBloom: `0x${'00'.repeat(256)}` };
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 0, result: Buffer.concat(chunks).includes('eth_chainId') ? '0x5' : block }));
      });
    };
    const deployment = { chainId: 1, operator: '', deviceRegistry: '', policyRegistry: '', checkpointAnchor: '', firstBlock: 1, registryLagSeconds: 12 };
    const wrong = await failureOf(new FinalizedChain(secretUrl(), deployment).head());
    expect(wrong).toMatch('ATS_CHAIN_WRONG');
    expect(wrong).toContain(`http://${host} is chain 5`);
    expectNoSecret(wrong);
  });

  it('when a transaction is sent', async () => {
    const key = `0x${'11'.repeat(32)}`;
    const failure = await failureOf(sendTransaction({ rpcUrl: secretUrl('127.0.0.1:1'), key }, { to: `0x${'0a'.repeat(20)}`, data: '0x', contract: new Interface([]) }));
    expect(failure).toMatch(/ATS_CHAIN_UNREACHABLE: .*: http:\/\/127\.0\.0\.1:1: /);
    expectNoSecret(failure);
  });

  it.each(['not a url s3cret-user', 'ws://s3cret-user@host/a1b2c3d4e5f6', '', 'http://'])('when %j is no HTTP URL', async (text) => {
    const failure = await failureOf((async () => new JsonRpc(text))());
    expect(failure).toMatch(/ATS_CONFIG_INVALID/);
    expectNoSecret(failure);
  });
});

it('short words of a path stay: they are no keys', () => {
  expect(new Endpoint('https://node.example/v3/rpc/0123456789abcdef').clean('no method on v3 rpc 0123456789abcdef')).toBe('no method on v3 rpc [hidden]');
});
