/** Anchoring a log's checkpoints on Ethereum: the state machine, its journal, its endpoints and its keys. What a checkpoint is and who signs it live elsewhere; so does Kafka. */
export type { Chain, ChainQuestion, ChainView } from './chain.js';
export { Endpoints, type EndpointsOptions } from './endpoints.js';
export type { AnchorEvent } from './events.js';
export { FileJournal, JOURNAL_CALLS, type Journal, type JournalCalls, type JournalOwner } from './journal.js';
export type { AnchorPolicy } from './policy.js';
export { externalSigner, keyFileSigner, type TransactionSigner, type UnsignedTransaction } from './signer.js';
export type { CheckpointSource } from './source.js';
export type { AnchorState, BlockId } from './state.js';
export { AnchorWorker, type AnchorEffects, type AnchorOptions, type AnchorStatus } from './worker.js';
