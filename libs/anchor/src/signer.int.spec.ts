import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transaction, Wallet } from 'ethers';
import { z } from 'zod';
import { isAtsError } from '#libs/errors';
import { freePorts, resolveTools, startPart, type Part } from '#libs/stack';
import { checkSigned, externalSigner, keyFileSigner, type UnsignedTransaction } from './signer.js';

const wallet = Wallet.createRandom();
const asked: UnsignedTransaction = {
  chainId: 31_337, nonce: 7, to: '0x5FbDB2315678afecb367f032d93F642f64180aa3', data: '0xdeadbeef', gasLimit: 90_000n, maxFeePerGas: 5n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n,
};
const sign = (over: object = {}, by = wallet): Promise<string> => by.signTransaction({ type: 2, value: 0n, ...asked, ...over });
const codeOf = async (action: () => unknown): Promise<string> => {
  try {
    await action();
  } catch (error) {
    return isAtsError(error) ? error.message : String(error);
  }
  return 'none';
};

describe('the key file', () => {
  let dir: string;
  beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-key-')); });
  afterEach(() => { rmSync(dir, { recursive: true }); });

  it('signs the asked transaction', async () => {
    writeFileSync(join(dir, 'key'), `${wallet.privateKey}\n`, { mode: 0o600 });
    const signer = keyFileSigner(join(dir, 'key'));
    expect(signer.address).toBe(wallet.address);
    const raw = await signer.signTransaction(asked);
    expect(checkSigned(raw, asked, wallet.address)).toEqual({ raw, hash: Transaction.from(raw).hash });
  });

  it.each([
    ['ATS_SECRET_EXPOSED', 'others may read it', wallet.privateKey, 0o640],
    ['ATS_CONFIG_INVALID', 'it has no 0x', wallet.privateKey.slice(2), 0o600],
    ['ATS_CONFIG_INVALID', 'it is zero', `0x${'0'.repeat(64)}`, 0o600],
    ['ATS_CONFIG_INVALID', 'it is empty', '', 0o600],
  ])('is refused with %s when %s, in a line that does not show it', async (code, _, content, mode) => {
    writeFileSync(join(dir, 'key'), content);
    chmodSync(join(dir, 'key'), mode);
    const said = await codeOf(() => keyFileSigner(join(dir, 'key')));
    expect(said).toMatch(new RegExp(`^${code}: [^\\n]*$`));
    expect(said).not.toContain(wallet.privateKey.slice(2, 20));
  });
});

it.each<[string, object]>([
  ['chainId', { chainId: 1 }], ['nonce', { nonce: 8 }], ['to', { to: wallet.address }], ['data', { data: '0xdeadbeee' }], ['value', { value: 1n }],
  ['gasLimit', { gasLimit: 90_001n }], ['maxFeePerGas', { maxFeePerGas: 6n * 10n ** 9n }], ['maxPriorityFeePerGas', { maxPriorityFeePerGas: 1n }],
  ['accessList', { accessList: [{ address: wallet.address, storageKeys: [] }] }], ['type', { type: 0, gasPrice: 1n, maxFeePerGas: null, maxPriorityFeePerGas: null }],
])('a signature over another %s is refused', async (field, over) => {
  expect(await codeOf(async () => checkSigned(await sign(over), asked, wallet.address))).toMatch(new RegExp(`^ATS_ANCHOR_SIGNER_MISMATCH: [^\\n]*: ${field} is `));
});

it('a signature of another account, no signature, and bytes behind it are refused', async () => {
  const raw = await sign();
  for (const bad of [await sign({}, Wallet.createRandom()), Transaction.from({ type: 2, ...asked }).unsignedSerialized, `${raw}00`, 'hello', '0x']) {
    expect(await codeOf(() => checkSigned(bad, asked, wallet.address))).toMatch(/^ATS_ANCHOR_SIGNER_MISMATCH/);
  }
});

describe('the external signer', () => {
  /** GenericTransaction of ethereum/execution-apis, src/schemas/transaction.yaml: no other property is allowed, and a `uint` has no leading zeros. */
  const uint = z.string().regex(/^0x(0|[1-9a-f][0-9a-f]{0,31})$/);
  const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
  const generic = z.strictObject({
    type: z.string().regex(/^0x[0-9a-f]{1,2}$/).optional(), nonce: uint.optional(), to: address.nullish(), from: address.optional(), gas: uint.optional(), value: uint.optional(),
    input: z.string().regex(/^0x[0-9a-f]*$/).optional(), gasPrice: uint.optional(), maxPriorityFeePerGas: uint.optional(), maxFeePerGas: uint.optional(), chainId: uint.optional(),
  });
  const request = z.strictObject({ jsonrpc: z.literal('2.0'), id: z.int(), method: z.literal('eth_signTransaction'), params: z.tuple([generic]) });

  let server: Server;
  let url: string;
  let answer: (transaction: z.infer<typeof generic>) => Promise<object | string>;
  beforeAll(async () => {
    server = createServer((incoming, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
        const { id, params } = request.parse(JSON.parse(Buffer.concat(chunks).toString()));
        const result = await answer(params[0]);
        response.end(typeof result === 'string' ? result : JSON.stringify({ jsonrpc: '2.0', id, ...result }));
      })().catch(() => response.writeHead(400).end('not as published'));
    });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => { await new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }); });

  const signAs = ({ from, gas, input, nonce, ...rest }: z.infer<typeof generic>): Promise<string> =>
    (expect(from).toBe(wallet.address), wallet.signTransaction({ ...rest, type: Number(rest.type), nonce: Number(nonce), gasLimit: gas!, data: input! } as never));

  it.each<[string, (raw: string) => object]>([
    ['the bytes, as published', (raw) => ({ result: raw })],
    ["geth's object with them", (raw) => ({ result: { raw, tx: {} } })],
  ])('is asked as published, and may answer %s', async (_, form) => {
    answer = async (transaction) => form(await signAs(transaction));
    const raw = await externalSigner({ url, address: wallet.address }).signTransaction(asked);
    expect(checkSigned(raw, asked, wallet.address).hash).toBe(Transaction.from(raw).hash);
  });

  it.each<[string, object | string]>([
    ['refuses', { error: { code: -32_000, message: 'key is locked' } }],
    ['answers something else', '<html>'],
    ['answers nothing', { result: null }],
  ])('that %s is ATS_ANCHOR_SIGNER_FAILED in one line', async (_, reply) => {
    answer = async () => reply;
    expect(await codeOf(() => externalSigner({ url, address: wallet.address }).signTransaction(asked))).toMatch(/^ATS_ANCHOR_SIGNER_FAILED: [^\n]*$/);
  });

  it('that is away is ATS_ANCHOR_SIGNER_FAILED, and its URL keeps its secret', async () => {
    const said = await codeOf(() => externalSigner({ url: 'http://127.0.0.1:1/secret-path-0123', address: wallet.address, timeoutMs: 2_000 }).signTransaction(asked));
    expect(said).toMatch(/^ATS_ANCHOR_SIGNER_FAILED/);
    expect(said).not.toContain('secret-path');
  });
});

describe("a foreign program's eth_signTransaction", () => {
  let anvil: Part;
  let url: string;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'attestream-signer-'));
    const [port] = (await freePorts(1)) as [number];
    url = `http://127.0.0.1:${port}`;
    const program = (await resolveTools()).anvil;
    const ready = (): Promise<boolean> => fetch(url, { method: 'POST', body: '{}' }).then(() => true, () => false);
    anvil = await startPart({ name: 'anvil', program, cwd: dir, logFile: join(dir, 'log'), args: ['--port', `${port}`, '--accounts', '1', '--no-mining'], ready });
  }, 60_000);
  afterAll(async () => {
    await anvil?.stop();
    rmSync(dir, { recursive: true });
  }, 30_000);

  it('signs what it is asked, field by field', async () => {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_accounts', params: [] }) });
    const { result: [address] } = z.object({ result: z.tuple([z.string()]) }).parse(await response.json()) as { result: [string] };
    const signer = externalSigner({ url, address });
    expect(checkSigned(await signer.signTransaction(asked), asked, signer.address).raw).toMatch(/^0x02/);
  });
});
