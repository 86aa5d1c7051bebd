import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { freePorts, startAnvil, type AnvilPart } from '#libs/stack';
import { addressOf } from '../src/index.js';
import { JsonRpc } from '../src/json-rpc.js';

/** A real node in a folder of its own, with one funded account. */
export interface LocalChain {
  url: string;
  port: number;
  key: string;
  anvil: AnvilPart;
  rpc(method: string, ...params: unknown[]): Promise<unknown>;
  /** Starts the node again on the same port: on its data, or from nothing. */
  restart(options?: { forget?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

export async function startLocalChain({ blockTimeSeconds = 1 } = {}): Promise<LocalChain> {
  const dir = mkdtempSync(join(tmpdir(), 'attestream-chain-'));
  const [port] = (await freePorts(1)) as [number];
  const key = Wallet.createRandom().privateKey;
  const start = (): Promise<AnvilPart> => startAnvil({ dir, port, blockTimeSeconds });
  const chain: LocalChain = {
    url: `http://127.0.0.1:${port}`, port, key, anvil: await start(),
    rpc: (method, ...params) => new JsonRpc(chain.url).call(method, params, z.unknown()),
    async restart({ forget = false } = {}) {
      await chain.anvil.stop();
      if (forget) rmSync(join(dir, 'state.json'));
      chain.anvil = await start();
    },
    async stop() {
      await chain.anvil.stop();
      rmSync(dir, { recursive: true });
    },
  };
  await fund(chain, key);
  return chain;
}

export async function fund(chain: Pick<LocalChain, 'rpc'>, key: string): Promise<void> {
  await chain.rpc('anvil_setBalance', addressOf(key), `0x${(10n ** 20n).toString(16)}`);
}
