/**
 * One round of either log: entries of one size, from the first append until a checkpoint that holds them all is published and durable. It leaves its log
 * where it is: on ext4 a new file costs the more the more were deleted in the minutes before, so that a round would pay for the ones before it.
 */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { formatCheckpoint, LogStore, signNote, type NoteSigner } from '#libs/log';

const run = promisify(execFile);

/** Shortest time between checkpoints, for both: the least that Tessera takes. */
export const checkpointIntervalMs = 100;

export interface Round { readonly entries: number; readonly entryBytes: number; readonly batch: number }
export interface RoundResult { readonly perSecond: number; readonly root: string }

/** Entry `index`: its index in eight bytes, then zeroes. */
export function entryOf(index: number, entryBytes: number): Buffer {
  const entry = Buffer.alloc(entryBytes);
  entry.writeBigUInt64BE(BigInt(index));
  return entry;
}

export const entriesOf = (from: number, count: number, entryBytes: number): Buffer[] => Array.from({ length: count }, (_, i) => entryOf(from + i, entryBytes));

/** What was written before is on the disk, and costs a round nothing. */
const settled = (path: string): Promise<unknown> => run('sync', ['--file-system', path]);

/** Appends all in batches, publishing whenever it is time to, and at the end. */
export async function appendAll(store: LogStore, entries: readonly Buffer[], batch: number, signer: NoteSigner, isTime = (sinceMs: number) => sinceMs >= checkpointIntervalMs): Promise<void> {
  let published = performance.now();
  for (let at = 0; at < entries.length; at += batch) {
    const part = entries.slice(at, at + batch);
    await store.append(part, store.nextOffset + BigInt(part.length));
    if (!isTime(performance.now() - published) && at + batch < entries.length) continue;
    await store.publish(signNote(formatCheckpoint({ origin: store.origin, ...store.head }), [signer]));
    published = performance.now();
  }
}

/** @param dir absent; as below */
export async function attestreamRound(dir: string, signer: NoteSigner, { entries: count, entryBytes, batch }: Round): Promise<RoundResult> {
  await LogStore.create({ dir, origin: signer.name });
  const store = await LogStore.open({ dir });
  const entries = entriesOf(0, count, entryBytes);
  await settled(dir);
  const began = performance.now();
  await appendAll(store, entries, batch, signer);
  const seconds = (performance.now() - began) / 1000;
  const root = store.head.root.toString('base64');
  await store.close();
  return { perSecond: count / seconds, root };
}

/** @param tools folder of the built tessera program */
export async function tesseraRound(tools: string, dir: string, { entries, entryBytes, batch }: Round): Promise<RoundResult> {
  await settled(dirname(dir));
  const { stdout } = await run(join(tools, 'tessera-round'), [
    '-dir', dir, '-entries', String(entries), '-entry-bytes', String(entryBytes), '-batch', String(batch), '-checkpoint-interval', `${checkpointIntervalMs}ms`,
  ]);
  const { seconds, root } = JSON.parse(stdout) as { seconds: number; root: string };
  return { perSecond: entries / seconds, root };
}
