/** Sealing bytes to a recipient with HPKE (RFC 9180). Who holds which key, and what is sealed, is decided elsewhere. */
export { generateSealingKey, sealingKeyId, type SealingKey } from './key.js';
export { openSealed, sealedAad, sealTo, type SealedPayload } from './sealed-payload.js';
