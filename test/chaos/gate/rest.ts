import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { noteVerifier, openCheckpoint, parseVkey } from '#libs/log';
import { TOPICS } from '#libs/events';
import { until } from '../../support/gate-until.js';
import { anchoredHeads, sourceEnds } from './facts.js';
import type { Progress } from './progress.js';
import type { ChaosWorld } from './world.js';

const SINK_GROUP = 'icinga-sink';

export interface Rest {
  /** What did not come in time; null when everything did. */
  readonly waitsFor: string | null;
}

/**
 * Ends what writes source records and waits until each has its entry, each entry its leaf under an anchored head, and each verified event has reached Icinga2. The
 * indexer goes once all messages are judged: their registry blocks are still to come before.
 */
export async function comeToRest(world: ChaosWorld, progress: Progress, milliseconds: number): Promise<Rest> {
  const deadline = Date.now() + milliseconds;
  let waitsFor = '';
  const stage = async (what: string, condition: () => Promise<boolean>) => {
    waitsFor = what;
    await until(what, condition, Math.max(0, deadline - Date.now()));
  };
  try {
    await Promise.all([...world.apps.values()].map((app) => app.works(Math.max(0, deadline - Date.now()))));
    await stage('an entry for every message', () => accounted(world, progress, (place) => place.startsWith('telemetry/')));
    await world.app('indexer').stop();
    await stage('an entry for every block', () => accounted(world, progress, () => true));
    await stage('a checkpoint over all entries', async () => published(world).size === progress.entries.size);
    await stage('an anchor over all entries', async () => {
      const heads = await anchoredHeads(world, parseVkey(vkeyOf(world)).name);
      return (heads.at(-1)?.size ?? 0) === progress.entries.size;
    });
    await stage('all verified events at the sink', () => submitted(world));
    return { waitsFor: null };
  } catch (error) {
    return { waitsFor: `${waitsFor}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Source topics have no transactions: each offset is a record. */
async function accounted(world: ChaosWorld, { entries }: Progress, counts: (place: string) => boolean): Promise<boolean> {
  const ends = await sourceEnds(world);
  return [...ends].filter(([partition]) => counts(partition)).every(([partition, end]) => {
    for (let offset = end - 1n; offset >= 0n; offset--) if (!entries.has(`${partition}/${offset}`)) return false;
    return true;
  });
}

/** The group's offset lies behind the last event of each partition; markers may follow on it. */
async function submitted({ reader }: ChaosWorld): Promise<boolean> {
  const topic = 'telemetry.verified';
  for (let partition = 0; partition < TOPICS[topic].partitions; partition++) {
    const committed = (await reader.committed(SINK_GROUP, topic, partition)) ?? 0n;
    for await (const { offset } of reader.readAll(topic, partition, committed)) if (offset >= committed) return false;
  }
  return true;
}

function published(world: ChaosWorld): { size: number } {
  return openCheckpoint(readFileSync(join(world.layout.logDir, 'public/checkpoint')), noteVerifier(vkeyOf(world)));
}

function vkeyOf({ layout }: ChaosWorld): string {
  return readFileSync(layout.logVkeyFile, 'utf8').trim();
}
