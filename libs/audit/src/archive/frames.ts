import { open } from 'node:fs/promises';
import { AtsError } from '#libs/errors';

/** What one read asks the file for. */
const CHUNK_BYTES = 1 << 20;

/** A frame longer than this is damage: nothing that is archived comes near. */
const MAX_FRAME_BYTES = 256 << 20;

/** Whole length of the frame that begins with these bytes, undefined when more of them are needed to say. */
export type FrameLength = (head: Buffer) => number | undefined;

/** A frame and where it begins in its file. */
export interface Frame { at: number; bytes: Buffer }

/**
 * The frames of a file, from one of them on, in chunks of about a mebibyte. Frames share their chunk's memory.
 * @throws AtsError ATS_ARCHIVE_DAMAGED when the file ends within a frame.
 */
export async function* readFrames(file: string, lengthOf: FrameLength, start = 0): AsyncGenerator<Frame[], void, undefined> {
  const handle = await open(file, 'r');
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (let at = start; ;) {
      const need = lengthOf(rest) ?? 0;
      if (need > MAX_FRAME_BYTES) throw damaged(file, `a frame at byte ${at} says that it has ${need} bytes`);
      const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, need - rest.length));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at + rest.length);
      if (bytesRead === 0) {
        if (rest.length > 0) throw damaged(file, `it ends within a frame that begins at byte ${at}`);
        return;
      }
      const bytes = rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const frames: Frame[] = [];
      let used = 0;
      for (;;) {
        const length = lengthOf(bytes.subarray(used));
        if (length === undefined || used + length > bytes.length) break;
        frames.push({ at: at + used, bytes: bytes.subarray(used, used + length) });
        used += length;
      }
      at += used;
      rest = bytes.subarray(used);
      if (frames.length > 0) yield frames;
    }
  } finally {
    await handle.close();
  }
}

/** Items of a file of concatenated RLP: each says its own length. */
export const rlpLength: FrameLength = (head) => {
  const [first] = head;
  if (first === undefined) return undefined;
  if (first < 0x80) return 1;
  const long = first < 0xc0 ? 0xb7 : 0xf7;
  if (first <= long) return 1 + first - (long - 55);
  const lengthBytes = first - long;
  if (lengthBytes > 6) return Number.MAX_SAFE_INTEGER;
  return head.length <= lengthBytes ? undefined : 1 + lengthBytes + head.readUIntBE(1, lengthBytes);
};

/** Frames that begin with the 4-byte big-endian length of what follows. */
export const prefixedLength: FrameLength = (head) => (head.length < 4 ? undefined : 4 + head.readUInt32BE(0));

function damaged(file: string, why: string): AtsError {
  return new AtsError('ATS_ARCHIVE_DAMAGED', `${file}: ${why}`);
}
