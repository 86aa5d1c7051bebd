import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Interface, Wallet } from 'ethers';
import { isAtsError } from '#libs/errors';
import { fund, startLocalChain, type LocalChain } from '../test/local-chain.js';
import { checkpointAnchorContract } from './contracts.generated.js';
import {
  ANCHOR_ROLE, JsonRpc, addressOf, anchorCallData, anchorEvents, anchoredHead, deployContracts, grantAnchorRole, logIdOf, logStatus, openLog, supersedeLog, type Deployment,
} from './index.js';
import { sendTransaction } from './transactions.js';

const contract = new Interface(checkpointAnchorContract.abi);
const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const leaves = ['one', 'two'].map((text) => sha256(Buffer.of(0), Buffer.from(text))) as [Buffer, Buffer];
const rootOfTwo = sha256(Buffer.of(1), ...leaves);

let chain: LocalChain;
let deployment: Deployment;
const anchorer = Wallet.createRandom().privateKey;

beforeAll(async () => {
  chain = await startLocalChain();
  await fund(chain, anchorer);
  deployment = await deployContracts({ rpcUrl: chain.url, key: chain.key, registryLagSeconds: 12 });
}, 120_000);
afterAll(async () => {
  await chain?.stop();
}, 60_000);

const sender = () => ({ rpcUrl: chain.url, key: chain.key, deployment });
const anchor = (key: string, logId: Buffer, size: number, root: Buffer, proof: Buffer[]) =>
  sendTransaction({ rpcUrl: chain.url, key }, { to: deployment.checkpointAnchor, data: anchorCallData({ logId, size, root, proof }), contract });
const failureOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
  } catch (error) {
    if (isAtsError(error)) return error.message;
    throw error;
  }
  return 'none';
};

it('a log is opened, anchored by who may, superseded; the heads at each block and the events tell the same', async () => {
  const rpc = new JsonRpc(chain.url);
  const logId = logIdOf('log.example/1');
  const at = { rpc, deployment, logId };
  expect([await anchoredHead(at), await logStatus(at)]).toEqual([undefined, 'absent']);
  const [first] = await Promise.all([openLog({ ...sender(), origin: 'log.example/1' }), grantAnchorRole({ ...sender(), account: addressOf(anchorer) })]);
  expect(first.logId).toEqual(logId);
  expect([await anchoredHead(at), await logStatus(at)]).toEqual([undefined, 'open']);

  const one = await anchor(anchorer, logId, 1, leaves[0], []);
  expect(await failureOf(anchor(anchorer, logId, 2, leaves[1], [leaves[1]]))).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED.*ProofInvalid\(logId 0x[0-9a-f]{64}, anchored 1, size 2\)/);
  expect(await failureOf(anchor(anchorer, logId, 1, leaves[0], []))).toMatch(/SizeNotGrowing/);
  const two = await anchor(anchorer, logId, 2, rootOfTwo, [leaves[1]]);
  expect(await anchoredHead({ rpcUrl: chain.url, deployment, logId })).toEqual({ size: 2, root: rootOfTwo });
  expect(await anchoredHead({ ...at, block: one.blockNumber })).toEqual({ size: 1, root: leaves[0] });
  const { hash } = (await chain.rpc('eth_getBlockByNumber', `0x${one.blockNumber.toString(16)}`, false)) as { hash: string };
  expect(await anchoredHead({ ...at, block: { blockHash: Buffer.from(hash.slice(2), 'hex') } })).toEqual({ size: 1, root: leaves[0] });

  const next = await supersedeLog({ ...sender(), logId, successorOrigin: 'log.example/2' });
  expect([await logStatus(at), await logStatus({ ...at, logId: next.logId }), await anchoredHead(at)]).toEqual(['superseded', 'open', { size: 2, root: rootOfTwo }]);
  expect(await failureOf(anchor(anchorer, logId, 3, rootOfTwo, [leaves[1]]))).toMatch(/LogNotOpen/);

  for (let final = 0; final < next.blockNumber; await delay(100)) final = Number(((await chain.rpc('eth_getBlockByNumber', 'finalized', false)) as { number: string }).number);
  const events = await anchorEvents({ rpc, deployment, fromBlock: deployment.firstBlock, toBlock: next.blockNumber });
  expect(events).toMatchObject([
    { type: 'opened', logId, origin: 'log.example/1', blockNumber: first.blockNumber, transactionHash: first.transactionHash },
    { type: 'anchored', logId, size: 1, root: leaves[0], blockNumber: one.blockNumber, transactionHash: one.transactionHash },
    { type: 'anchored', logId, size: 2, root: rootOfTwo, blockNumber: two.blockNumber, transactionHash: two.transactionHash },
    { type: 'opened', logId: next.logId, origin: 'log.example/2', predecessor: logId },
    { type: 'superseded', logId, successor: next.logId, size: 2, root: rootOfTwo, transactionHash: next.transactionHash },
  ]);
}, 120_000);

it('who may not anchor, open or supersede is refused by name', async () => {
  const key = Wallet.createRandom().privateKey;
  await fund(chain, key);
  const refusals = await Promise.all([
    failureOf(anchor(key, logIdOf('x'), 1, leaves[0], [])),
    failureOf(openLog({ ...sender(), key, origin: 'x' })),
    failureOf(supersedeLog({ ...sender(), key, logId: logIdOf('x'), successorOrigin: 'y' })),
    failureOf(grantAnchorRole({ ...sender(), key, account: addressOf(key) })),
  ]);
  for (const refusal of refusals) expect(refusal).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED.*AccessControlUnauthorizedAccount/);
  expect(refusals[0]).toContain(ANCHOR_ROLE);
}, 60_000);

it.each(['', 'two words', 'a+b'])('the origin %j is refused', async (origin) => {
  expect(await failureOf(openLog({ ...sender(), origin }))).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED.*OriginInvalid/);
});

it('an address without the contract has no heads: the answer is invalid, not empty', async () => {
  const nowhere = { checkpointAnchor: addressOf(anchorer) };
  expect(await failureOf(anchoredHead({ rpcUrl: chain.url, deployment: nowhere, logId: logIdOf('x') }))).toMatch(/^ATS_CHAIN_RPC_INVALID.*0 bytes/);
});
