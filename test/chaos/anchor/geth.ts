import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { JsonRpc, quantity } from '#libs/chain';
import { freePorts, repositoryRoot, startPart } from '#libs/stack';
import { prepareAnchor } from '../../../libs/anchor/test/manual-chain.js';
import type { ChaosNode } from './node.js';

/** geth --dev finalizes each block whose number is a multiple of this. */
const EPOCH = 32;
const BLOCK_SECONDS = 30;

/**
 * geth in developer mode. It makes a block when a transaction comes: other blocks are made by its own account paying itself nothing. Blocks are undone
 * by debug_setHead, which takes them and their transactions away. It has no call that empties its pool or sets the base fee: neither is done here.
 */
export async function gethNode(): Promise<ChaosNode> {
  const geth = execFileSync(join(repositoryRoot, 'scripts/install-geth'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const dir = mkdtempSync(join(tmpdir(), 'attestream-geth-'));
  const [port, authPort] = (await freePorts(2)) as [number, number];
  const url = `http://127.0.0.1:${port}`;
  const rpc = new JsonRpc(url, 60_000);
  const height = (tag: 'latest' | 'finalized'): Promise<number> => rpc.call('eth_getBlockByNumber', [tag, false], z.object({ number: quantity })).then(({ number }) => number);
  const part = await startPart({
    name: 'geth', program: geth, cwd: dir, logFile: join(dir, 'geth.log'),
    args: [
      '--dev', '--dev.period', '0', '--datadir', join(dir, 'data'), '--http', '--http.addr', '127.0.0.1', '--http.port', `${port}`, '--http.api', 'eth,debug',
      '--authrpc.port', `${authPort}`, '--port', '0', '--nodiscover', '--maxpeers', '0', '--ipcdisable', '--verbosity', '1',
    ],
    ready: () => height('latest').then(() => true, () => false),
  });
  const stop = async (): Promise<void> => { await part.stop(); rmSync(dir, { recursive: true }); };
  try {
    const [bank] = (await rpc.call('eth_accounts', [], z.array(z.string()))) as [string];
    const pay = async (to: string, value: bigint): Promise<void> => {
      const before = await height('latest');
      await rpc.call('eth_sendTransaction', [{ from: bank, to, value: `0x${value.toString(16)}`, gas: '0x5208' }], z.string());
      for (const deadline = Date.now() + BLOCK_SECONDS * 1000; (await height('latest')) === before; await delay(2)) {
        if (Date.now() > deadline) throw new Error(`geth made no block in ${BLOCK_SECONDS} s`);
      }
    };
    const mine = async (blocks = 1): Promise<void> => { for (let i = 0; i < blocks; i++) await pay(bank, 0n); };
    const { deployment, logId, key, address } = await prepareAnchor(url, (account) => pay(account, 10n ** 20n));
    // so that no reorganisation undoes the deployment
    while ((await height('finalized')) < EPOCH) await mine();
    return {
      url, chainId: deployment.chainId, contract: deployment.checkpointAnchor, logId: `0x${logId.toString('hex')}`, key, address, finalAfter: EPOCH, mine, stop,
      async reorganise(depth) {
        const [latest, finalized] = await Promise.all([height('latest'), height('finalized')]);
        const to = Math.max(latest - depth, finalized);
        if (to === latest) return false;
        await rpc.call('debug_setHead', [`0x${to.toString(16)}`], z.unknown());
        // as high as before, with other blocks: in a real reorganisation the height does not fall for long
        await mine(latest - to);
        return true;
      },
      forgetPool: async () => false,
      raiseBaseFee: async () => false,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
