import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Interface, Transaction, Wallet, type TransactionLike } from 'ethers';
import { anchoredHead, logIdOf, openLog } from '#libs/chain';
import type { AtsCode } from '#libs/errors';
import { GrowingLog } from '../test/growing-log.js';
import { LyingProxy, type ProxyMode } from '../test/lying-proxy.js';
import { startManualChain, type ManualChain } from '../test/manual-chain.js';
import { GAS_PRICE_ORACLE } from './endpoint.js';
import { GWEI } from './fees.js';
import { AnchorWorker, type AnchorEvent, type AnchorOptions } from './index.js';

let chain: ManualChain;
let proxies: LyingProxy[];
let dir: string;
const log = new GrowingLog();
const sent = new Map<string, Transaction>();

beforeAll(async () => {
  chain = await startManualChain();
  proxies = await Promise.all([0, 1, 2].map(() => new LyingProxy(chain.url, sent).listen()));
}, 60_000);
afterAll(async () => {
  await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
  await chain?.stop();
}, 30_000);
let test = 0;
beforeEach(() => {
  test += 1;
  dir = mkdtempSync(join(tmpdir(), 'attestream-anchor-'));
});
afterEach(() => { rmSync(dir, { recursive: true }); });

interface Running { worker: AnchorWorker; events: AnchorEvent[]; stop(): Promise<void> }

function start(over: Partial<AnchorOptions> = {}): Running {
  const events: AnchorEvent[] = [];
  const wallet = new Wallet(chain.key);
  const worker = new AnchorWorker({
    journalFile: join(dir, 'state', 'journal'), endpoints: proxies.map(({ url }) => url), chainId: chain.deployment.chainId, contract: chain.deployment.checkpointAnchor, logId: chain.logId,
    signer: { address: wallet.address, signTransaction: (transaction) => wallet.signTransaction({ type: 2, ...transaction }) },
    source: log, policy: { ...policy, ...over.policy }, pollMs: 5, retryMs: 20, onEvent: (event) => events.push(event), ...over,
  });
  const stopping = new AbortController();
  const run = worker.run(stopping.signal);
  return { worker, events, stop: async () => { stopping.abort(); await run; } };
}
const policy = { minEntries: 1, maxAgeSeconds: 600, maxFeeGwei: 100, maxCostWei: 10n ** 17n, bumpAfterBlocks: 1_000 };

/** Blocks go on until it holds, one for each look of the worker: on a slow machine too an event is heard before its block is final. */
async function until(holds: () => boolean | Promise<boolean>, { mine = true } = {}): Promise<void> {
  const own = test;
  const rounds = (): number => Math.max(...proxies.map((proxy) => proxy.rounds));
  while (!(await holds())) {
    if (own !== test) throw new Error('the test is over');
    const before = rounds();
    if (mine) await chain.mine();
    for (const deadline = Date.now() + 250; rounds() === before && Date.now() < deadline;) await delay(2);
  }
}
const said = ({ events }: Running, type: AnchorEvent['type']): boolean => events.some((event) => event.type === type);
const anchoredAll = ({ worker }: Running) => (): boolean => worker.status().pending === null && worker.status().anchored?.size === log.size;
const problem = ({ worker }: Running, code: AtsCode) => (): boolean => worker.status().problem?.code === code;
const onChain = () => anchoredHead({ rpcUrl: chain.url, deployment: chain.deployment, logId: chain.logId });
const nonce = async (): Promise<number> => Number(await chain.rpc('eth_getTransactionCount', chain.address, 'pending'));
const head = (size: number) => ({ ...log.head(size) });

/** Grows the log, lets the body be in the way, and holds the end to one transaction and the right head. */
async function anchorsOnce(running: Running, body: () => Promise<void> = async () => undefined, transactions = 1): Promise<void> {
  const before = await nonce();
  log.grow(3);
  try {
    await body();
    await until(anchoredAll(running));
    expect([await onChain(), (await nonce()) - before, running.worker.status().problem]).toEqual([head(log.size), transactions, null]);
  } finally {
    await running.stop();
  }
}

it('a checkpoint goes from planned to final, and nothing of it stays in the journal but where it is', async () => {
  const running = start();
  await anchorsOnce(running, async () => {
    await until(() => running.worker.status().anchored?.finalized === false);
    expect(running.worker.status()).toMatchObject({ anchored: { size: log.size, finalized: false }, pending: { step: 'MINED', size: log.size, attempts: 1 } });
  });
  expect(running.events.map(({ type }) => type)).toEqual(['planned', 'signed', 'sent', 'mined', 'final']);
  expect(running.worker.status().anchored).toMatchObject({ ...head(log.size), finalized: true });
  expect(statSync(join(dir, 'state', 'journal')).size).toBeLessThan(800);
});

it('an anchor whose block is undone is sent again, the same one', async () => {
  const running = start();
  await anchorsOnce(running, async () => {
    await until(() => said(running, 'mined'));
    await chain.rpc('anvil_reorg', 7, []);
    await until(() => said(running, 'reorganised'));
  });
  expect(running.events.filter(({ type }) => type === 'signed')).toHaveLength(1);
});

it('a worker that comes back after its block\'s state is gone finishes the anchor by the receipt', async () => {
  const first = start();
  log.grow(3);
  await until(() => said(first, 'mined'));
  await first.stop();
  await chain.mine(40);
  for (const proxy of proxies) proxy.become('pruned');
  const second = start();
  try {
    await until(anchoredAll(second));
    expect(second.events.map(({ type }) => type)).toEqual(['resumed', 'final']);
    expect([await onChain(), second.worker.status().problem]).toEqual([head(log.size), null]);
  } finally {
    await second.stop();
    for (const proxy of proxies) proxy.become('honest');
  }
});

it('a worker that starts again goes on with what its journal holds, and sends what was only signed', async () => {
  const first = start();
  log.grow(3);
  for (const proxy of proxies) proxy.become('reset');
  await until(() => first.worker.status().problem !== null, { mine: false });
  for (const proxy of proxies) proxy.become('honest');
  await until(() => said(first, 'sent'), { mine: false });
  await first.stop();
  await chain.rpc('anvil_dropAllTransactions');
  const second = start();
  await until(anchoredAll(second));
  await second.stop();
  expect(second.events[0]).toMatchObject({ type: 'resumed', job: { step: 'SENT' } });
  expect(second.events.some(({ type }) => type === 'signed' || type === 'planned')).toBe(false);
});

it('a new journal begins with what is final on chain', async () => {
  const running = start();
  await until(() => running.worker.status().anchored !== null);
  expect(running.worker.status().anchored).toMatchObject({ ...head(log.size), tx: null, finalized: true });
  await anchorsOnce(running);
});

describe('fees', () => {
  it('an anchor that is outbid is replaced under its nonce, and mined once', async () => {
    const running = start({ policy: { ...policy, bumpAfterBlocks: 3 } });
    await anchorsOnce(running, async () => {
      await until(() => said(running, 'sent'), { mine: false });
      await chain.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(20n * GWEI).toString(16)}`);
    });
    const attempts = running.events.filter((event) => event.type === 'signed');
    expect(attempts.length).toBeGreaterThan(1);
    expect(new Set(attempts.map((attempt) => attempt.nonce)).size).toBe(1);
    for (const [i, { fees }] of attempts.entries()) {
      const before = attempts[i - 1]?.fees;
      if (!before) continue;
      expect(fees.maxFeePerGas * 8n >= before.maxFeePerGas * 9n && fees.maxPriorityFeePerGas * 8n >= before.maxPriorityFeePerGas * 9n).toBe(true);
    }
  });

  it('above the ceiling it waits, says ATS_ANCHOR_FEE_CEILING once, and goes on when the chain is cheaper', async () => {
    const running = start({ policy: { ...policy, maxFeeGwei: 5 } });
    await chain.rpc('anvil_setNextBlockBaseFeePerGas', `0x${(50n * GWEI).toString(16)}`);
    await chain.mine();
    await anchorsOnce(running, () => until(problem(running, 'ATS_ANCHOR_FEE_CEILING'), { mine: false }));
    expect(running.events.filter(({ type }) => type === 'problem' || type === 'solved').map(({ type }) => type)).toEqual(['problem', 'solved']);
  });

  it('an anchor that may cost more in all than its cap is not signed', async () => {
    const running = start({ policy: { ...policy, maxCostWei: 10n ** 12n } });
    log.grow(1);
    await until(problem(running, 'ATS_ANCHOR_FEE_CEILING'));
    await running.stop();
    expect(said(running, 'signed')).toBe(false);
    log.size -= 1;
  });

  it('on an OP-stack chain the L1 fee that GasPriceOracle asks for these bytes counts against the cap', async () => {
    // getL1Fee(bytes): so many wei a byte of the call; anything else reverts
    const oracle = (weiAByte: bigint): string => `0x5f3560e01c63${new Interface(['function getL1Fee(bytes)']).getFunction('getL1Fee')!.selector.slice(2)}14601157`
      + `5f5ffd5b367f${weiAByte.toString(16).padStart(64, '0')}025f5260205ff3`;
    await chain.rpc('anvil_setCode', GAS_PRICE_ORACLE, oracle(10n ** 15n));
    const running = start();
    try {
      await anchorsOnce(running, async () => {
        await until(problem(running, 'ATS_ANCHOR_FEE_CEILING'));
        const [, l1] = /\(([\d.]+)e-9 of them for L1\)/.exec(running.worker.status().problem!.message)!;
        // the call is at least the anchor's own data of 4 + 5 words
        expect(Number(l1)).toBeGreaterThan(160 * 1e6);
        expect(said(running, 'signed')).toBe(false);
        await chain.rpc('anvil_setCode', GAS_PRICE_ORACLE, oracle(10n ** 12n));
      });
    } finally {
      await chain.rpc('anvil_setCode', GAS_PRICE_ORACLE, '0x');
    }
  });
});

describe('what stands in the way is said, waited out, and nothing is sent meanwhile', () => {
  it('an empty balance', async () => {
    await chain.rpc('anvil_setBalance', chain.address, '0x0');
    const running = start();
    await anchorsOnce(running, async () => {
      await until(problem(running, 'ATS_ANCHOR_BALANCE'));
      expect(said(running, 'signed')).toBe(false);
      await chain.rpc('anvil_setBalance', chain.address, `0x${(10n ** 20n).toString(16)}`);
    });
  });

  it('a log that is not open on chain', async () => {
    const origin = 'log.example/later';
    const running = start({ logId: logIdOf(origin) });
    await until(problem(running, 'ATS_ANCHOR_REFUSED'));
    expect(running.worker.status().problem!.message).toContain('LogNotOpen(');
    await chain.rpc('evm_setAutomine', true);
    await openLog({ rpcUrl: chain.url, key: chain.operator, deployment: chain.deployment, origin });
    await chain.rpc('evm_setAutomine', false);
    await until(anchoredAll(running));
    await running.stop();
    expect(await anchoredHead({ rpcUrl: chain.url, deployment: chain.deployment, logId: logIdOf(origin) })).toEqual(head(log.size));
  });

  it('a journal that can not be written', async () => {
    const running = start();
    await until(() => running.worker.status().anchored !== null);
    const state = join(dir, 'state');
    renameSync(state, `${state}.away`);
    writeFileSync(state, 'a file where the folder was');
    await anchorsOnce(running, async () => {
      const before = await nonce();
      await until(problem(running, 'ATS_ANCHOR_JOURNAL_UNWRITABLE'));
      expect([await nonce(), said(running, 'planned')]).toEqual([before, false]);
      rmSync(state);
      renameSync(`${state}.away`, state);
    });
  });

  it('a signer that signs something else', async () => {
    const wallet = new Wallet(chain.key);
    let twist: TransactionLike = { value: 1n };
    const running = start({ signer: { address: wallet.address, signTransaction: (transaction) => wallet.signTransaction({ type: 2, ...transaction, ...twist }) } });
    await anchorsOnce(running, async () => {
      await until(problem(running, 'ATS_ANCHOR_SIGNER_MISMATCH'));
      expect(said(running, 'signed')).toBe(false);
      twist = {};
    });
  });

  it('a log that the anchored head is no prefix of', async () => {
    const running = start({ source: new GrowingLog(log.size + 5, 'another log') });
    await until(problem(running, 'ATS_ANCHOR_FORKED'));
    await running.stop();
    expect(said(running, 'signed')).toBe(false);
  });

  it('a log that is shorter than what is anchored', async () => {
    const running = start({ source: new GrowingLog(log.size - 1) });
    await until(problem(running, 'ATS_ANCHOR_AHEAD'));
    await running.stop();
    expect(said(running, 'planned')).toBe(false);
  });

  it.each<[string, AtsCode, string]>([['another account', 'ATS_ANCHOR_JOURNAL_FOREIGN', ''], ['a power cut', 'ATS_ANCHOR_JOURNAL_DAMAGED', 'torn']])('a journal of %s ends the run with %s', async (_, code, torn) => {
    const running = start();
    await anchorsOnce(running);
    const journal = join(dir, 'state', 'journal');
    if (torn) writeFileSync(journal, readFileSync(journal).subarray(0, -20));
    const other = Wallet.createRandom();
    await expect(start(torn ? {} : { signer: { address: other.address, signTransaction: (tx) => other.signTransaction(tx) } }).stop()).rejects.toMatchObject({ code });
  });
});

it('a nonce that is finally spent by another transaction is given up, and the same checkpoint anchored with the next', async () => {
  const running = start();
  await anchorsOnce(running, async () => {
    await until(() => said(running, 'sent'), { mine: false });
    const spent = (await nonce()) - 1;
    await chain.rpc('anvil_dropAllTransactions');
    const foreign = await new Wallet(chain.key).signTransaction({ type: 2, chainId: chain.deployment.chainId, nonce: spent, to: chain.address, gasLimit: 21_000n, maxFeePerGas: 90n * GWEI, maxPriorityFeePerGas: 80n * GWEI });
    await chain.rpc('eth_sendRawTransaction', foreign);
    await until(() => said(running, 'replanned'));
  }, 2);
  expect(running.events.filter((event) => event.type === 'signed')).toHaveLength(2);
});

describe('endpoints', () => {
  afterEach(() => { for (const proxy of proxies) proxy.become('honest'); });

  it.each<[ProxyMode, AtsCode | undefined]>([
    ['wrong-chain', 'ATS_CHAIN_WRONG'], ['garbage', 'ATS_CHAIN_RPC_INVALID'], ['silent', 'ATS_CHAIN_UNREACHABLE'], ['reset', 'ATS_CHAIN_UNREACHABLE'],
    ['fake-receipt', 'ATS_ANCHOR_CONTRADICTED'], ['denial', 'ATS_ANCHOR_CONTRADICTED'], ['rash-final', undefined], ['lagging', undefined],
  ])('one of three that is %s changes nothing, and is named with %s', async (mode, code) => {
    proxies[1]!.become(mode);
    const running = start(mode === 'silent' ? { timeoutMs: 1_000 } : {});
    await anchorsOnce(running);
    const codes = running.events.flatMap((event) => ('endpoint' in event && event.endpoint === proxies[1]!.url && 'error' in event ? event.error.code : []));
    expect(codes).toEqual(code ? [code] : []);
    expect(running.events.filter(({ type }) => !/endpoint|problem|solved/.test(type)).map(({ type }) => type)).toEqual(['planned', 'signed', 'sent', 'mined', 'final']);
    expect(proxies[1]!.lies).toBeGreaterThan(0);
  });

  it.each([['far more', 2], ['half the', 1]])('one of three that says an anchor takes %s gas does not decide its limit', async (_, turn) => {
    proxies[1]!.become('estimate');
    proxies[1]!.lies = turn;
    const running = start();
    await anchorsOnce(running, () => until(() => said(running, 'signed')));
    const { gasLimit } = [...sent.values()].at(-1)!;
    const { gasUsed } = await chain.rpc('eth_getTransactionReceipt', [...sent.keys()].at(-1)) as { gasUsed: string };
    expect([gasLimit > BigInt(gasUsed), gasLimit < 2n * BigInt(gasUsed), proxies[1]!.lies]).toEqual([true, true, turn + 1]);
  });

  it('two of three that fail halt it, and it goes on when one of them is right again', async () => {
    const running = start();
    await anchorsOnce(running, async () => {
      await until(() => said(running, 'mined'));
      proxies[0]!.become('garbage');
      proxies[2]!.become('wrong-chain');
      await until(problem(running, 'ATS_ANCHOR_NO_QUORUM'));
      const { pending } = running.worker.status();
      await chain.mine(20);
      await delay(50);
      expect(running.worker.status().pending).toEqual(pending);
      proxies[0]!.become('honest');
    });
    expect(running.events.filter(({ type }) => type === 'endpoint-in')).toHaveLength(1);
  });

  it.each<[ProxyMode, AtsCode]>([['wrong-chain', 'ATS_CHAIN_WRONG'], ['garbage', 'ATS_CHAIN_RPC_INVALID'], ['silent', 'ATS_CHAIN_UNREACHABLE']])('the only one that is %s halts it with %s', async (mode, code) => {
    proxies[0]!.become(mode);
    const running = start({ endpoints: [proxies[0]!.url], ...(mode === 'silent' && { timeoutMs: 1_000 }) });
    await anchorsOnce(running, async () => {
      await until(problem(running, code));
      expect(said(running, 'signed')).toBe(false);
      proxies[0]!.become('honest');
    });
  });

  it.each([[[], undefined], [['http://127.0.0.1:1', 'http://127.0.0.1:1'], undefined], [['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'], 1], [['ftp://x'], undefined]])('%j with quorum %s is no set of endpoints', (endpoints, quorum) => {
    expect(() => start({ endpoints, ...(quorum && { quorum }) })).toThrow(/^ATS_CONFIG_INVALID/);
  });
});
