import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Interface, Transaction } from 'ethers';
import { z } from 'zod';
import { checkpointAnchorContract } from '#libs/chain';

/**
 * What an endpoint does with the truth. lagging: it stands some blocks behind. fake-receipt: it swallows what is sent, and says it was mined and
 * anchored. denial: it knows no transaction, and says their nonces are spent. rash-final: it calls the newest block final. estimate: an anchor takes
 * far more gas than it does, or half of it, by turns. pruned: it has no state of blocks that are long final. The others fail openly.
 */
export const LIES = ['fake-receipt', 'denial', 'rash-final', 'estimate', 'wrong-chain', 'garbage', 'silent', 'reset'] as const;
export type ProxyMode = 'honest' | 'lagging' | 'pruned' | (typeof LIES)[number];

interface Call { id: number; method: string; params: unknown[] }
type Answer = Record<string, unknown> & { result?: unknown };

/** How far behind the finalized block a pruned node has state. */
const STATE_BLOCKS = 4;

const contract = new Interface(checkpointAnchorContract.abi);
const HEAD = contract.getFunction('head')!.selector;
const block = z.object({ number: z.string(), hash: z.string() });
const receiptBlock = z.object({ blockNumber: z.string() });

/** A node behind a proxy that can lie. What the worker sent through any of them is known to all: a good liar is well informed. */
export class LyingProxy {
  mode: ProxyMode = 'honest';
  /** Blocks behind, while lagging. */
  lag = 3;
  /** Answers that were not the node's. */
  lies = 0;
  /** How often it was asked for the tip: the beginnings of the worker's rounds. */
  rounds = 0;
  url = '';
  readonly #server: Server;
  readonly #held = new Set<ServerResponse>();
  readonly #fakes = new Map<string, { number: string; hash: string }>();

  constructor(readonly target: string, readonly sent: Map<string, Transaction>) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy()); // the node is gone, or the worker is
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => { this.#server.listen(0, '127.0.0.1', resolve); });
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  become(mode: ProxyMode, lag = 3): void {
    this.mode = mode;
    this.lag = lag;
    this.#fakes.clear();
    for (const response of this.#held) response.destroy();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.become('honest');
    this.#server.closeAllConnections();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Call | Call[];
    const calls = [body].flat();
    for (const { method, params } of calls) {
      if (method === 'eth_chainId') this.rounds += 1;
      if (method === 'eth_sendRawTransaction') {
        const transaction = Transaction.from(String(params[0]));
        this.sent.set(transaction.hash!, transaction);
      }
    }
    if (this.mode === 'silent' || this.mode === 'reset' || this.mode === 'garbage') this.lies += 1;
    if (this.mode === 'silent') return void this.#held.add(response);
    if (this.mode === 'reset') return void response.destroy();
    if (this.mode === 'garbage') return void response.end('<html>502</html>');
    const answers = await Promise.all(calls.map(async (call) => ({ jsonrpc: '2.0', id: call.id, ...(await this.#answer(call)) })));
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]));
  }

  async #answer(call: Call): Promise<Answer> {
    const lie = await this.#lie(call);
    if (lie === undefined) return this.#ask(call.method, call.params);
    this.lies += 1;
    return lie;
  }

  /** Undefined where the truth serves. */
  async #lie({ method, params }: Call): Promise<Answer | undefined> {
    switch (this.mode) {
      case 'wrong-chain': return method === 'eth_chainId' ? { result: '0x1' } : undefined;
      case 'rash-final': return params[0] === 'finalized' ? this.#ask(method, ['latest', false]) : undefined;
      case 'estimate': return method === 'eth_estimateGas' ? this.#estimate(params) : undefined;
      case 'lagging': return this.#late(method, params);
      case 'pruned': return this.#withoutState(params);
      case 'denial':
        if (method === 'eth_getTransactionReceipt' || method === 'eth_getTransactionByHash') return { result: null };
        return method === 'eth_getTransactionCount' ? this.#oneMore(params) : undefined;
      case 'fake-receipt': return this.#fake(method, params);
      default: return undefined;
    }
  }

  async #estimate(params: unknown[]): Promise<Answer> {
    const truth = await this.#ask('eth_estimateGas', params);
    if (typeof truth.result !== 'string') return truth;
    return { result: this.lies % 2 === 0 ? '0x1c9c380' : `0x${(BigInt(truth.result) / 2n).toString(16)}` };
  }

  async #late(method: string, params: unknown[]): Promise<Answer | undefined> {
    if (method === 'eth_getBlockByNumber') {
      const tag = String(params[0]);
      const tip = await this.#heightOf(tag.startsWith('0x') ? 'latest' : tag) - this.lag;
      if (!tag.startsWith('0x')) return this.#ask(method, [`0x${Math.max(tip, 0).toString(16)}`, false]);
      return Number(tag) > tip ? { result: null } : undefined;
    }
    if (method !== 'eth_getTransactionReceipt') return undefined;
    const [truth, latest] = await Promise.all([this.#ask(method, params), this.#heightOf('latest')]);
    const parsed = receiptBlock.safeParse(truth.result);
    return parsed.success && Number(parsed.data.blockNumber) > latest - this.lag ? { result: null } : undefined;
  }

  async #fake(method: string, params: unknown[]): Promise<Answer | undefined> {
    const hash = String(params[0]);
    if (method === 'eth_sendRawTransaction') return { result: Transaction.from(hash).hash };
    if (method === 'eth_getTransactionByHash' && this.sent.has(hash)) return { result: { hash } };
    if (method === 'eth_getTransactionCount') return this.#oneMore(params);
    if (method === 'eth_getTransactionReceipt' && this.sent.has(hash)) {
      const at = this.#fakes.get(hash) ?? block.parse((await this.#ask('eth_getBlockByNumber', ['latest', false])).result);
      this.#fakes.set(hash, at);
      const event = contract.encodeEventLog('Anchored', this.#headOf(hash));
      return { result: { transactionHash: hash, blockNumber: at.number, blockHash: at.hash, status: '0x1', logs: [{ address: this.sent.get(hash)!.to, ...event }] } };
    }
    const newest = [...this.#fakes.keys()].at(-1);
    const call = params[0] as { data?: string };
    if (method !== 'eth_call' || !newest || !call.data?.startsWith(HEAD)) return undefined;
    const [, size, root] = this.#headOf(newest);
    return { result: contract.encodeFunctionResult('head', [size, root]) };
  }

  /** What a transaction would anchor. */
  #headOf(hash: string): [logId: string, size: bigint, root: string] {
    const [logId, size, root] = contract.decodeFunctionData('anchor', this.sent.get(hash)!.data) as unknown as [string, bigint, string];
    return [logId, size, root];
  }

  async #withoutState(params: unknown[]): Promise<Answer | undefined> {
    const { blockHash } = (params.at(-1) ?? {}) as { blockHash?: string };
    if (blockHash === undefined) return undefined;
    const [{ result }, final] = await Promise.all([this.#ask('eth_getBlockByHash', [blockHash, false]), this.#heightOf('finalized')]);
    // some blocks of grace: more are mined while it is asked
    return Number(block.parse(result).number) < final - STATE_BLOCKS ? { error: { code: -32000, message: 'missing trie node' } } : undefined;
  }

  async #oneMore(params: unknown[]): Promise<Answer> {
    const truth = await this.#ask('eth_getTransactionCount', params);
    return typeof truth.result === 'string' ? { result: `0x${(Number(truth.result) + 1).toString(16)}` } : truth;
  }

  async #heightOf(tag: string): Promise<number> {
    return Number(block.parse((await this.#ask('eth_getBlockByNumber', [tag, false])).result).number);
  }

  async #ask(method: string, params: unknown[]): Promise<Answer> {
    const response = await fetch(this.target, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = (await response.json()) as Answer & { error?: unknown };
    return error === undefined ? { result } : { error };
  }
}
