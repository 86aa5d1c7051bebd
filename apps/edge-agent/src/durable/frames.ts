import { crc32 } from 'node:zlib';

/** Opens every frame, so that the next whole one can be found behind damaged bytes. */
const MAGIC = Buffer.from('ATSf', 'latin1');
const HEADER_BYTES = 12;

/** Largest payload of one frame; a longer length in a file is damage, not a frame. */
export const MAX_PAYLOAD_BYTES = 1 << 20;

/** One frame: magic (4), payload length (4, big-endian), CRC-32 of length and payload (4), payload. */
export function encodeFrame(payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError(`a frame holds ${MAX_PAYLOAD_BYTES} bytes, not ${payload.length}`);
  const frame = Buffer.alloc(HEADER_BYTES + payload.length);
  MAGIC.copy(frame);
  frame.writeUInt32BE(payload.length, 4);
  frame.set(payload, HEADER_BYTES);
  frame.writeUInt32BE(checksum(frame.subarray(4, 8), payload), 8);
  return frame;
}

/** What a file of frames holds: payloads in order, bytes that are no frame, and the offset at which an interrupted write begins. */
export interface Scan { payloads: { start: number; payload: Buffer }[]; damaged: { start: number; bytes: Buffer }[]; end: number }

/**
 * Reads the frames of a file. A last frame that the file cuts short, or a tail of zeros, is an append that a crash interrupted: it was
 * never acknowledged, and `end` stands before it. Anything else that is not a frame is damage, reported from its first byte to the next whole frame.
 */
export function scanFrames(file: Buffer): Scan {
  const scan: Scan = { payloads: [], damaged: [], end: 0 };
  let at = 0;
  while (at < file.length) {
    const payload = frameAt(file, at);
    if (payload) {
      scan.payloads.push({ start: at, payload });
      at += HEADER_BYTES + payload.length;
      scan.end = at;
      continue;
    }
    const next = nextFrame(file, at + 1);
    if (next === undefined && isInterrupted(file.subarray(at))) return scan;
    scan.damaged.push({ start: at, bytes: file.subarray(at, next ?? file.length) });
    at = next ?? file.length;
    scan.end = at;
  }
  return scan;
}

function frameAt(file: Buffer, at: number): Buffer | undefined {
  if (at + HEADER_BYTES > file.length || !file.subarray(at, at + 4).equals(MAGIC)) return undefined;
  const length = file.readUInt32BE(at + 4);
  const payload = file.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
  if (length > MAX_PAYLOAD_BYTES || payload.length !== length) return undefined;
  return checksum(file.subarray(at + 4, at + 8), payload) === file.readUInt32BE(at + 8) ? payload : undefined;
}

function nextFrame(file: Buffer, from: number): number | undefined {
  for (let at = file.indexOf(MAGIC, from); at !== -1; at = file.indexOf(MAGIC, at + 1)) {
    if (frameAt(file, at)) return at;
  }
  return undefined;
}

/** True for what a crash in the middle of an append leaves: the beginning of a frame, or space that the file system gave but never filled. */
function isInterrupted(tail: Buffer): boolean {
  if (tail.every((byte) => byte === 0)) return true;
  if (!MAGIC.subarray(0, tail.length).equals(tail.subarray(0, MAGIC.length))) return false;
  if (tail.length < HEADER_BYTES) return true;
  const length = tail.readUInt32BE(4);
  return length <= MAX_PAYLOAD_BYTES && tail.length < HEADER_BYTES + length;
}

function checksum(length: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(length));
}
