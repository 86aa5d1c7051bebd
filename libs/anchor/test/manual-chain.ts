import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { JsonRpc, addressOf, deployContracts, grantAnchorRole, logIdOf, openLog, type Deployment } from '#libs/chain';
import { freePorts, resolveTools, startPart, type Part } from '#libs/stack';

/**
 * A real node that mines when it is told to, with CheckpointAnchor, an open log and a funded account that may anchor. `finalized` is eight blocks behind:
 * seven can be reorganised.
 */
export interface ManualChain {
  url: string;
  rpc(method: string, ...params: unknown[]): Promise<unknown>;
  mine(blocks?: number): Promise<void>;
  deployment: Deployment;
  logId: Buffer;
  /** Of the account that deployed. */
  operator: string;
  /** Of the account that anchors. */
  key: string;
  address: string;
  part: Part;
  stop(): Promise<void>;
}

export const FINAL_AFTER = 8;
export const ORIGIN = 'log.example/anchor';

export async function startManualChain(args: readonly string[] = ['--accounts', '0']): Promise<ManualChain> {
  const dir = mkdtempSync(join(tmpdir(), 'attestream-anchor-'));
  const [port] = (await freePorts(1)) as [number];
  const url = `http://127.0.0.1:${port}`;
  const rpc = (method: string, ...params: unknown[]): Promise<unknown> => new JsonRpc(url).call(method, params, z.unknown());
  const { anvil } = await resolveTools();
  const part = await startPart({
    name: 'anvil', program: anvil, cwd: dir, logFile: join(dir, 'anvil.log'),
    args: ['--host', '127.0.0.1', '--port', `${port}`, '--slots-in-an-epoch', `${FINAL_AFTER / 2}`, ...args],
    ready: () => rpc('eth_chainId').then(() => true, () => false),
  });
  const chain = { url, rpc, part, mine: async (blocks = 1) => void (await rpc('anvil_mine', `0x${blocks.toString(16)}`)), stop: async () => { await part.stop(); rmSync(dir, { recursive: true }); } };
  try {
    const prepared = await prepareAnchor(url, async (account) => void (await rpc('anvil_setBalance', account, `0x${(10n ** 20n).toString(16)}`)));
    await rpc('evm_setAutomine', false);
    // so that no reorganisation undoes the deployment
    await chain.mine(2 * FINAL_AFTER);
    return { ...chain, ...prepared };
  } catch (error) {
    await chain.stop();
    throw error;
  }
}

/** CheckpointAnchor with an open log, and an account that may anchor. */
export async function prepareAnchor(url: string, fund: (account: string) => Promise<void>): Promise<Pick<ManualChain, 'deployment' | 'logId' | 'operator' | 'key' | 'address'>> {
  const operator = Wallet.createRandom().privateKey;
  const key = Wallet.createRandom().privateKey;
  for (const account of [operator, key]) await fund(addressOf(account));
  const deployment = await deployContracts({ rpcUrl: url, key: operator, registryLagSeconds: 12 });
  await openLog({ rpcUrl: url, key: operator, deployment, origin: ORIGIN });
  await grantAnchorRole({ rpcUrl: url, key: operator, deployment, account: addressOf(key) });
  return { deployment, logId: logIdOf(ORIGIN), operator, key, address: addressOf(key) };
}
