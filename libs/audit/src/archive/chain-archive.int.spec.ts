import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interface, Wallet, decodeRlp, encodeRlp } from 'ethers';
import { deployContracts, FinalizedChain, JsonRpc, publishParameterSet, type Deployment, type RpcCall } from '#libs/chain';
import type { ChainBlock } from '#libs/events';
import { startLocalChain, type LocalChain } from '../../../chain/test/local-chain.js';
import { ArchiveFolder } from './archive-folder.js';
import { ChainArchive } from './chain-archive.js';
import { BODIES_FILE, exportChain, HEADERS_FILE } from './chain-export.js';
import { encodeHeader, rpcHeader } from './header.js';

const root = mkdtempSync(join(tmpdir(), 'attestream-chain-archive-'));
const dir = join(root, 'whole');
let chain: LocalChain;
let deployment: Deployment;
let onNode: ChainBlock[];

beforeAll(async () => {
  chain = await startLocalChain();
  const sender = { rpcUrl: chain.url, key: chain.key };
  deployment = await deployContracts({ ...sender, registryLagSeconds: 4 });
  // Transactions of others in the same block, so that ours is not alone in its tries.
  await Promise.all([
    publishParameterSet({ ...sender, deployment, document: Buffer.from('first') }),
    ...Array.from({ length: 3 }, async () => {
      const wallet = Wallet.createRandom();
      await chain.rpc('anvil_setBalance', wallet.address, '0xde0b6b3a7640000');
      const transaction = await wallet.signTransaction({ to: wallet.address, nonce: 0, gasLimit: 21_000, gasPrice: 10_000_000_000, chainId: 31_337, type: 0 });
      await chain.rpc('eth_sendRawTransaction', transaction);
    }),
  ]);
  const { blockNumber } = await publishParameterSet({ ...sender, deployment, document: Buffer.from('second') });
  const finalized = new FinalizedChain(chain.url, deployment);
  let head = await finalized.head();
  while (head.number < blockNumber) {
    await new Promise((resolve) => void setTimeout(resolve, 100));
    head = await finalized.head();
  }
  const folder = await ArchiveFolder.create(dir);
  await exportChain(folder, { rpc: new JsonRpc(chain.url), deployment, head });
  await folder.finish();
  onNode = await finalized.read(deployment.firstBlock, head.number);
}, 120_000);

afterAll(async () => {
  await chain?.stop();
  rmSync(root, { recursive: true });
});

const lastHash = (): Buffer => onNode.at(-1)!.hash;
const open = (folder = dir): Promise<ChainArchive> => ChainArchive.open(folder, deployment, lastHash());

/** A copy with changed items of one of its files. */
function changed(name: string, file: string, change: (items: unknown[]) => unknown[]): string {
  const copy = join(root, name);
  cpSync(dir, copy, { recursive: true });
  const items = decodeAll(readFileSync(join(copy, file)));
  writeFileSync(join(copy, file), Buffer.concat(change(items).map((item) => Buffer.from(encodeRlp(item as string).slice(2), 'hex'))));
  return copy;
}

function decodeAll(bytes: Buffer): unknown[] {
  // A file of items is the inside of one list.
  const length = bytes.length;
  const size = Buffer.alloc(6);
  size.writeUIntBE(length, 0, 6);
  const prefix = length < 56 ? Buffer.from([0xc0 + length]) : Buffer.concat([Buffer.from([0xf7 + trimmed(size).length]), trimmed(size)]);
  return decodeRlp(Buffer.concat([prefix, bytes])) as unknown as unknown[];
}

function trimmed(bytes: Buffer): Buffer {
  return bytes.subarray(bytes.findIndex((byte) => byte !== 0));
}

it('an archive holds the node\'s blocks, and of their logs those of the deployment\'s contracts', async () => {
  const archive = await open();
  const head = await archive.head();
  expect(head).toEqual({ number: onNode.at(-1)!.number, hash: lastHash() });
  const blocks = await archive.read(deployment.firstBlock, head.number);
  expect(blocks.map(({ number, hash, parentHash, timestamp }) => ({ number, hash, parentHash, timestamp })))
    .toEqual(onNode.map(({ number, hash, parentHash, timestamp }) => ({ number, hash, parentHash, timestamp })));
  // The node was asked for the registries' events alone; the archive proves all logs of the contracts, roles granted too.
  const published = new Interface(['event ParameterSetPublished(uint64 indexed version, bytes32 hash, bytes document)']).getEvent('ParameterSetPublished')!.topicHash;
  const documents = (all: readonly ChainBlock[]) => all.flatMap(({ logs }) => logs).filter(({ topics: [topic] }) => `0x${topic!.toString('hex')}` === published);
  expect(documents(blocks)).toEqual(documents(onNode));
  expect(documents(blocks)).toHaveLength(2);
});

it('any part of it can be read by itself', async () => {
  const archive = await open();
  const whole = await archive.read(deployment.firstBlock, (await archive.head()).number);
  for (const block of whole) expect(await archive.read(block.number, block.number)).toEqual([block]);
  await expect(archive.read(deployment.firstBlock - 1, deployment.firstBlock)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_CHAIN_INVALID' });
});

it('an archive of another head than the one that is brought is refused', async () => {
  await expect(ChainArchive.open(dir, deployment, Buffer.alloc(32, 1))).rejects.toMatchObject({ code: 'ATS_ARCHIVE_UNANCHORED' });
});

it.each([
  ['a header left out', HEADERS_FILE, (items: unknown[]) => items.toSpliced(2, 1)],
  ['headers that begin later', HEADERS_FILE, (items: unknown[]) => items.slice(1)],
  ['two headers the other way round', HEADERS_FILE, (items: unknown[]) => [items[0], items[2], items[1], ...items.slice(3)]],
  ['another time in a header', HEADERS_FILE, (items: unknown[]) => items.with(1, (items[1] as string[]).with(11, '0x64000000'))],
  ['a bloom filter that hides a log', HEADERS_FILE, (items: unknown[]) => items.map((item) => (item as string[]).with(6, `0x${'00'.repeat(256)}`))],
  ['a header that is no header', HEADERS_FILE, (items: unknown[]) => items.with(1, ['0x01'])],
  ['a block\'s receipts left out', BODIES_FILE, (items: unknown[]) => items.slice(1)],
  ['the last receipts left out', BODIES_FILE, (items: unknown[]) => items.slice(0, -1)],
  ['receipts twice', BODIES_FILE, (items: unknown[]) => [...items, items.at(-1)]],
  ['a receipt left out', BODIES_FILE, (items: unknown[]) => items.map((item) => { const [n, r, t] = item as [string, string[], string[]]; return [n, r.slice(1), t.slice(1)]; })],
  ['a changed receipt', BODIES_FILE, (items: unknown[]) => items.map((item) => { const [n, r, t] = item as [string, string[], string[]]; return [n, r.with(0, `${r[0]!.slice(0, -2)}00`), t]; })],
  ['a changed transaction', BODIES_FILE, (items: unknown[]) => items.map((item) => { const [n, r, t] = item as [string, string[], string[]]; return [n, r, t.with(0, `${t[0]!.slice(0, -2)}00`)]; })],
  ['receipts of another shape', BODIES_FILE, (items: unknown[]) => items.map(() => '0x01')],
])('%s: refused', async (name, file, change) => {
  await expect(open(changed(name.replaceAll(/\W/g, '-'), file, change))).rejects.toMatchObject({ code: 'ATS_ARCHIVE_CHAIN_INVALID' });
});

it('a chain that begins later than the deployment is refused, also without what the first block had', async () => {
  const later = changed('later-first', HEADERS_FILE, (items) => items.slice(1));
  const bodies = decodeAll(readFileSync(join(later, BODIES_FILE))).filter((item) => Number((item as string[])[0]) !== deployment.firstBlock);
  writeFileSync(join(later, BODIES_FILE), Buffer.concat(bodies.map((item) => Buffer.from(encodeRlp(item as string).slice(2), 'hex'))));
  await expect(open(later)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_CHAIN_INVALID', why: expect.stringContaining(`block ${deployment.firstBlock} is missing`) });
});

it('a last block with another content is not the one whose hash is known', async () => {
  const copy = changed('last', HEADERS_FILE, (items) => items.with(-1, (items.at(-1) as string[]).with(12, '0x01')));
  await expect(open(copy)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_UNANCHORED' });
});

it('a file that ends within a header is damage', async () => {
  const copy = changed('short', HEADERS_FILE, (items) => items);
  const bytes = readFileSync(join(copy, HEADERS_FILE));
  writeFileSync(join(copy, HEADERS_FILE), bytes.subarray(0, -1));
  await expect(open(copy)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_DAMAGED' });
});

it.each([
  ['receipts', 'eth_getBlockReceipts', (result: unknown) => (result as object[]).map((receipt) => ({ ...receipt, cumulativeGasUsed: 1n }))],
  ['transactions', 'eth_getRawTransactionByBlockHashAndIndex', () => Buffer.from('02c0', 'hex')],
])('a node that lies about %s ends the export, and nothing is left', async (name, lied, lie) => {
  class LyingRpc extends JsonRpc {
    override async batch<T>(calls: readonly RpcCall<T>[]): Promise<T[]> {
      return (await super.batch(calls)).map((result, i) => (calls[i]!.method === lied ? lie(result) as T : result));
    }
  }
  const target = join(root, `lying-${name}`);
  const folder = await ArchiveFolder.create(target);
  await expect(exportChain(folder, { rpc: new LyingRpc(chain.url), deployment, head: { number: onNode.at(-1)!.number, hash: lastHash() } })).rejects.toMatchObject({ code: 'ATS_CHAIN_RPC_INVALID' });
  await folder.discard();
});

describe('a header with fields that are not known here', () => {
  /** A node of a later fork: its JSON lacks what this program would have to know to make the bytes. */
  class LaterNode extends JsonRpc {
    constructor(private readonly raw: (header: Buffer) => Buffer) { super(chain.url); }

    override async batch<T>(calls: readonly RpcCall<T>[]): Promise<T[]> {
      if (calls[0]!.method === 'debug_getRawHeader') return [this.raw(encodeHeader(await new JsonRpc(chain.url).call('eth_getBlockByNumber', [calls[0]!.params[0], false], rpcHeader))!) as T];
      const results = await super.batch(calls);
      return results.map((result, i) => (calls[i]!.method === 'eth_getBlockByNumber' ? { ...result, extraData: '0x01' } : result));
    }
  }
  const head = () => ({ number: onNode.at(-1)!.number, hash: lastHash() });

  it('is taken as the node\'s bytes, when they are what its hash says', async () => {
    const folder = await ArchiveFolder.create(join(root, 'later'));
    await exportChain(folder, { rpc: new LaterNode((header) => header), deployment, head: head() });
    await folder.finish();
    expect(readFileSync(join(root, 'later', HEADERS_FILE)).equals(readFileSync(join(dir, HEADERS_FILE)))).toBe(true);
  });

  it('is refused when they are not', async () => {
    const folder = await ArchiveFolder.create(join(root, 'lying-header'));
    const lying = new LaterNode((header) => Buffer.concat([header.subarray(0, -1), Buffer.from([header.at(-1)! ^ 1])]));
    await expect(exportChain(folder, { rpc: lying, deployment, head: head() })).rejects.toMatchObject({ code: 'ATS_CHAIN_RPC_INVALID' });
    await folder.discard();
  });
});
