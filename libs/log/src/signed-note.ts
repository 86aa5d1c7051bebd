/** c2sp.org/signed-note: text signed by keys that have names. Ed25519 keys (type 0x01); private keys as golang.org/x/mod/sumdb/note writes them. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign, verify, type KeyObject } from 'node:crypto';
import { AtsError } from '#libs/errors';
import { fromBase64, fromUtf8, quoted } from './text.js';

/** A key's name and id: how a signature line names it. */
export interface NoteKey { readonly name: string; readonly keyId: number }
export interface NoteVerifier extends NoteKey { verify(message: Buffer, signature: Buffer): boolean }
export interface NoteSigner extends NoteKey { sign(message: Buffer): Buffer }
/** `signature` without the key id before it. */
export interface NoteSignature extends NoteKey { readonly signature: Buffer }

/** As x/mod has them: a verifier must take 16 signatures, and one that is post-quantum has 5 kB. */
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;
/** The signature type of {@link noteVerifier}'s keys. */
const ED25519 = 0x01;

const spki = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A fresh key. `privateKey` is one line for a file of mode 0600; `vkey` is public. @throws AtsError ATS_NOTE_KEY_INVALID for a name that no key may have */
export function generateLogKey(name: string): { privateKey: string; vkey: string } {
  if (!isKeyName(name)) throw new AtsError('ATS_NOTE_KEY_INVALID', `${quoted(name)} is no key name`);
  const pair = generateKeyPairSync('ed25519');
  const seed = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(pkcs8.length);
  const key = typedKey(ED25519, rawEd25519(pair.publicKey));
  const id = hexId(noteKeyId(name, key));
  return {
    privateKey: `PRIVATE+KEY+${name}+${id}+${typedKey(ED25519, seed).toString('base64')}`,
    vkey: `${name}+${id}+${key.toString('base64')}`,
  };
}

/** @throws AtsError ATS_NOTE_KEY_INVALID, which never shows the key */
export function noteSigner(privateKey: string): NoteSigner {
  const invalid = (why: string) => new AtsError('ATS_NOTE_KEY_INVALID', `a private key ${why}`);
  const [, name = '', id = '', base64 = ''] = /^PRIVATE\+KEY\+([^+]*)\+([0-9a-f]{8})\+([^\n]*)$/.exec(privateKey) ?? [];
  const bytes = fromBase64(base64);
  if (!isKeyName(name) || bytes?.length !== 33 || bytes[0] !== ED25519) throw invalid('is not PRIVATE+KEY+NAME+ID+BASE64 of an Ed25519 key');
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, bytes.subarray(1)]), format: 'der', type: 'pkcs8' });
  const keyId = noteKeyId(name, typedKey(ED25519, rawEd25519(createPublicKey(key))));
  if (hexId(keyId) !== id) throw invalid(`of ${name} has another id than its own`);
  return { name, keyId, sign: (message) => sign(null, message, key) };
}

/** Of a log's Ed25519 key. @throws AtsError ATS_NOTE_KEY_INVALID */
export function noteVerifier(vkey: string): NoteVerifier {
  const { name, keyId, type, key } = parseVkey(vkey);
  if (type !== ED25519) throw new AtsError('ATS_NOTE_KEY_INVALID', `${name} has a key of type ${type}; a log signs with type ${ED25519}, Ed25519`);
  const publicKey = ed25519PublicKey(name, key);
  return { name, keyId, verify: (message, signature) => signature.length === 64 && verify(null, message, publicKey, signature) };
}

/** The parts of a verifier key of any type, its id checked. @throws AtsError ATS_NOTE_KEY_INVALID */
export function parseVkey(vkey: string): NoteKey & { type: number; key: Buffer } {
  const [, name = '', id = '', base64 = ''] = /^([^+]*)\+([0-9a-f]{8})\+([^\n]*)$/.exec(vkey) ?? [];
  const bytes = fromBase64(base64);
  if (!isKeyName(name) || !bytes || bytes.length < 2) throw new AtsError('ATS_NOTE_KEY_INVALID', `${quoted(vkey)} is not NAME+ID+BASE64`);
  const keyId = noteKeyId(name, bytes);
  if (hexId(keyId) !== id) throw new AtsError('ATS_NOTE_KEY_INVALID', `the key of ${name} has the id ${hexId(keyId)}, not ${id}`);
  return { name, keyId, type: bytes[0]!, key: bytes.subarray(1) };
}

/** @throws AtsError ATS_NOTE_KEY_INVALID unless it has 32 bytes */
export function ed25519PublicKey(name: string, key: Buffer): KeyObject {
  if (key.length !== 32) throw new AtsError('ATS_NOTE_KEY_INVALID', `the Ed25519 key of ${name} has ${key.length} bytes, not 32`);
  return createPublicKey({ key: Buffer.concat([spki, key]), format: 'der', type: 'spki' });
}

/** A note over `text`, which ends in a newline; signatures in the signers' order. @throws AtsError ATS_NOTE_MALFORMED for a text that no note can hold */
export function signNote(text: string, signers: readonly NoteSigner[]): Buffer {
  if (!text.endsWith('\n') || !isNoteText(text) || !text.isWellFormed()) throw new AtsError('ATS_NOTE_MALFORMED', `${quoted(text)} is no note text`);
  const message = Buffer.from(text);
  return Buffer.from(`${text}\n${signers.map(({ name, keyId, sign: by }) => signatureLine({ name, keyId, signature: by(message) })).join('')}`);
}

/** `— NAME BASE64`, with its newline. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(keyId);
  return `— ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`;
}

/** A signature line without its newline; undefined when it is none. */
export function parseSignatureLine(line: string): NoteSignature | undefined {
  const [, name = '', base64 = ''] = /^— ([^ ]*) ([^ ]*)$/.exec(line) ?? [];
  const bytes = fromBase64(base64);
  if (!isKeyName(name) || !bytes || bytes.length < 5) return undefined;
  return { name, keyId: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
}

/** What a note says, nothing of it verified. @throws AtsError ATS_NOTE_MALFORMED */
export function parseNote(note: Buffer): { text: string; signatures: NoteSignature[] } {
  const malformed = (why: string) => new AtsError('ATS_NOTE_MALFORMED', why);
  if (note.length > MAX_NOTE_BYTES) throw malformed(`${note.length} bytes; ${MAX_NOTE_BYTES} is the most`);
  const all = fromUtf8(note);
  if (all === undefined || !isNoteText(all)) throw malformed('not UTF-8, or it holds control characters');
  const end = all.lastIndexOf('\n\n');
  if (end === -1 || end + 2 === all.length || !all.endsWith('\n')) throw malformed('it does not end in an empty line and signatures');
  const lines = all.slice(end + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw malformed(`${lines.length} signatures; ${MAX_SIGNATURES} is the most`);
  const signatures = lines.map((line) => {
    const signature = parseSignatureLine(line);
    if (!signature) throw malformed(`${quoted(line)} is no signature line`);
    return signature;
  });
  return { text: all.slice(0, end + 1), signatures };
}

/**
 * The text of a note and who signed it. `signatures` are verified, one a key; `unverified` are of unknown keys.
 * @throws AtsError ATS_NOTE_MALFORMED when it is no note, ATS_NOTE_UNVERIFIED when a known key's signature does not hold or none of them signed
 */
export function openNote(note: Buffer, verifiers: readonly NoteVerifier[]): { text: string; signatures: NoteSignature[]; unverified: NoteSignature[] } {
  const parsed = parseNote(note);
  const message = Buffer.from(parsed.text);
  const signatures = new Map<NoteVerifier, NoteSignature>();
  const unverified: NoteSignature[] = [];
  for (const signature of parsed.signatures) {
    const verifier = verifiers.find((known) => sameKey(known, signature));
    if (!verifier) unverified.push(signature);
    else if (!verifier.verify(message, signature.signature)) throw new AtsError('ATS_NOTE_UNVERIFIED', `the signature of ${signature.name} does not hold`);
    else signatures.set(verifier, signature);
  }
  if (signatures.size === 0) {
    const by = parsed.signatures.map(({ name, keyId }) => `${name}+${hexId(keyId)}`).join(', ');
    throw new AtsError('ATS_NOTE_UNVERIFIED', `signed by ${by}; known: ${verifiers.map(({ name, keyId }) => `${name}+${hexId(keyId)}`).join(', ') || 'no key'}`);
  }
  return { text: parsed.text, signatures: [...signatures.values()], unverified };
}

export const sameKey = (a: NoteKey, b: NoteKey): boolean => a.keyId === b.keyId && a.name === b.name;

/** SHA-256(name || 0x0A || type || key), first four bytes. `key` begins with its type. */
function noteKeyId(name: string, key: Buffer): number {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), key]), 'buffer').readUInt32BE(0);
}

const hexId = (keyId: number): string => keyId.toString(16).padStart(8, '0');
const typedKey = (type: number, key: Buffer): Buffer => Buffer.concat([Buffer.of(type), key]);
const rawEd25519 = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(spki.length);
/** Not empty, no Unicode space, no plus; no control character, as no note could hold it. */
const isKeyName = (name: string): boolean => name !== '' && !/[\p{White_Space}+]/u.test(name) && isNoteText(name) && name.isWellFormed();
// oxlint-disable-next-line no-control-regex
const isNoteText = (text: string): boolean => !/[\u0000-\u0009\u000b-\u001f]/.test(text);
