import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startPart, type Part } from './part.js';
import { resolveTools } from './tools.js';

export interface StartAnvilParameters {
  /** Its state and log. A folder that holds a state is continued. */
  dir: string;
  port: number;
  blockTimeSeconds?: number;
  signal?: AbortSignal;
}

export interface AnvilPart extends Part {
  readonly url: string;
}

/** Chain id of the local node. */
export const LOCAL_CHAIN_ID = 31_337;

/**
 * A local Ethereum node that mines on a timer, since the rule of the registry block needs blocks even when nothing happens.
 * `finalized` follows two blocks behind (one slot an epoch). No funded accounts: whoever needs ether asks `anvil_setBalance`.
 * The state is written every second: SIGKILL loses at most that.
 */
export async function startAnvil({ dir, port, blockTimeSeconds = 2, signal }: StartAnvilParameters): Promise<AnvilPart> {
  const { anvil } = await resolveTools();
  mkdirSync(dir, { recursive: true });
  const url = `http://127.0.0.1:${port}`;
  const part = await startPart({
    name: 'anvil',
    program: anvil,
    args: [
      '--host', '127.0.0.1', '--port', `${port}`, '--chain-id', `${LOCAL_CHAIN_ID}`, '--accounts', '0',
      '--block-time', `${blockTimeSeconds}`, '--slots-in-an-epoch', '1',
      '--state', join(dir, 'state.json'), '--state-interval', '1',
    ],
    cwd: dir,
    logFile: join(dir, 'anvil.log'),
    ready: async () => (await blockNumber(url)) !== undefined,
    ...(signal && { signal }),
  });
  return { ...part, url };
}

async function blockNumber(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }),
      signal: AbortSignal.timeout(2_000),
    });
    return ((await response.json()) as { result?: string }).result;
  } catch {
    return undefined; // not listening yet: asked again
  }
}
