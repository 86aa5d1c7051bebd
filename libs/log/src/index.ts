/** A transparency log in the formats of C2SP, its store and its HTTP. What the entries mean, who signs when, and the chain belong elsewhere. */
export { EMPTY_ROOT, HASH_BYTES, hashesRoot, leafHash, leafHashInto, nodeHash, verifyConsistency, verifyInclusion, type TreeHead } from './rfc6962.js';
export { CompactTree } from './compact-tree.js';
export { consistencyProof, inclusionProof, rootFromTiles } from './tree-from-tiles.js';
export {
  decodeEntryBundle, encodeEntryBundle, entriesPath, leafTile, MAX_ENTRY_BYTES, parseTilePath, TILE_HEIGHT, TILE_WIDTH, tilePath, tileWidth, type TileSource,
} from './tlog-tiles.js';
export { DirectoryTiles, HttpTiles } from './tile-sources.js';
export {
  generateLogKey, noteSigner, noteVerifier, openNote, parseNote, parseVkey, signNote, type NoteKey, type NoteSignature, type NoteSigner, type NoteVerifier,
} from './signed-note.js';
export { formatCheckpoint, openCheckpoint, parseCheckpoint, type Checkpoint } from './tlog-checkpoint.js';
export { cosignatureTime, cosignatureVerifier } from './tlog-cosignature.js';
export { parsePolicy, type Policy, type PolicyLog, type PolicyWitness } from './tlog-policy.js';
export { formatProof, openPolicyCheckpoint, parseProof, verifyProof, type TlogProof } from './tlog-proof.js';
export { addCheckpoint, addSignatures, WitnessClient, type AddCheckpointParameters } from './tlog-witness.js';
export { LogStore, MAX_APPEND_ENTRIES } from './store/log-store.js';
export type { CreateLogParameters } from './store/create.js';
export { createSuccessor, EndedLog, type OpenEndedLogParameters, type SignedCheckpoint, type TopicRecord } from './store/recover.js';
export { serveLog } from './http.js';
