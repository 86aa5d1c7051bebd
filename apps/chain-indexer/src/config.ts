import { defineConfig, setting } from '#libs/config';
import { commonConfig } from '#libs/service';
import { z } from 'zod';

export const config = defineConfig('chain-indexer', {
  ...commonConfig,
  chainRpcUrl: setting('ATTESTREAM_CHAIN_RPC_URL', z.url({ protocol: /^https?$/ }), 'JSON-RPC of an Ethereum node that serves finalized blocks and their logs.'),
  pollMs: setting('ATTESTREAM_CHAIN_POLL_MS', z.coerce.number().int().min(50).max(60_000).default(1000), 'Pause between two looks for a new finalized block, milliseconds.'),
});
