import { defineConfig, setting } from '#libs/config';
import { commonConfig } from '#libs/service';
import { z } from 'zod';

const flag = z.enum(['true', 'false']).default('false').transform((text) => text === 'true');
const urls = z.string()
  .transform((text) => text.split(',').map((url) => url.trim()))
  .refine((list) => list.every((url) => z.url({ protocol: /^https?$/ }).safeParse(url).success))
  .meta({ expected: 'a URL, several separated by commas' });

/** Nothing here changes a leaf or a root: those follow from the topic alone. */
export const config = defineConfig('chain-anchor', {
  ...commonConfig,
  logDir: setting('ATTESTREAM_LOG_DIR', z.string().min(1), "Folder of the log. Set-up makes it; one that is missing is an error, never a new log."),
  logKeyFile: setting('ATTESTREAM_LOG_KEY_FILE', z.string().min(1), "File with the log's Ed25519 key (PRIVATE+KEY+...), mode 0600. Its name is the log's origin."),
  batchEntries: setting('ATTESTREAM_LOG_BATCH_ENTRIES', z.coerce.number().int().min(1).max(65_536).default(1_024), 'Entries that are made durable together at most.'),
  publishMs: setting('ATTESTREAM_LOG_PUBLISH_MS', z.coerce.number().int().min(10).max(3_600_000).default(1_000), 'Pause between two looks for entries that no checkpoint covers yet, milliseconds: a new checkpoint comes at most that often.'),
  witnessPolicyFile: setting('ATTESTREAM_WITNESS_POLICY_FILE', z.string().min(1).optional(), 'C2SP tlog-policy with the witnesses, their URLs and the quorum. Without it no witness is asked.'),
  witnessRequired: setting('ATTESTREAM_WITNESS_REQUIRED', flag.meta({ expected: 'true or false' }), 'true: a checkpoint is published only once the quorum of the policy has cosigned it. false: it is published at once with the cosignatures that came.'),
  witnessTimeoutMs: setting('ATTESTREAM_WITNESS_TIMEOUT_MS', z.coerce.number().int().min(100).max(60_000).default(5_000), 'How long one witness may take for a checkpoint, milliseconds.'),
  chainRpcUrls: setting('ATTESTREAM_CHAIN_RPC_URLS', urls.optional(), 'JSON-RPC of Ethereum nodes of the deployment. With several, what a quorum of them says counts. Needed to anchor.'),
  chainRpcQuorum: setting('ATTESTREAM_CHAIN_RPC_QUORUM', z.coerce.number().int().min(1).optional(), 'How many nodes must say the same; without it, a majority.'),
  anchorKeyFile: setting('ATTESTREAM_ANCHOR_KEY_FILE', z.string().min(1).optional(), 'File with the Ethereum key of the anchoring account, mode 0600. The account sends nothing else. Without it and without a signer nothing is anchored.'),
  anchorSignerUrl: setting('ATTESTREAM_ANCHOR_SIGNER_URL', z.url({ protocol: /^https?$/ }).optional(), 'In place of the key file: JSON-RPC of a program that serves eth_signTransaction, such as Web3Signer.'),
  anchorSignerAddress: setting('ATTESTREAM_ANCHOR_SIGNER_ADDRESS', z.string().regex(/^0x[0-9a-fA-F]{40}$/).optional(), "Address of the account whose key the signer holds."),
  anchorJournalFile: setting('ATTESTREAM_ANCHOR_JOURNAL_FILE', z.string().min(1).optional(), 'Where the anchor under way is written down before it is sent; one file for each log and account. Needed to anchor.'),
  anchorMinEntries: setting('ATTESTREAM_ANCHOR_MIN_ENTRIES', z.coerce.number().int().min(1).default(1_000_000), 'Anchor once so many entries wait, while the chain is cheap.'),
  anchorMaxAgeSeconds: setting('ATTESTREAM_ANCHOR_MAX_AGE_SECONDS', z.coerce.number().int().min(1).default(3_600), 'Anchor once the oldest entry has waited so long, cheap or not.'),
  anchorTargetBaseFeeGwei: setting('ATTESTREAM_ANCHOR_TARGET_BASE_FEE_GWEI', z.coerce.number().positive().optional(), 'Cheap is a base fee up to this, gwei; without it, always.'),
  anchorMaxFeeGwei: setting('ATTESTREAM_ANCHOR_MAX_FEE_GWEI', z.coerce.number().positive().default(100), 'No transaction offers more for a unit of gas, gwei.'),
  anchorMaxCostGwei: setting('ATTESTREAM_ANCHOR_MAX_COST_GWEI', z.coerce.number().int().positive().default(20_000_000), 'No anchor may cost more in all, gwei (1 ether is 1,000,000,000); the L1 fee of an OP-stack chain is counted in.'),
  anchorPollMs: setting('ATTESTREAM_ANCHOR_POLL_MS', z.coerce.number().int().min(50).max(600_000).default(2_000), 'Pause between two looks at the chain, milliseconds.'),
});

export type ChainAnchorConfig = ReturnType<typeof config.load>;
