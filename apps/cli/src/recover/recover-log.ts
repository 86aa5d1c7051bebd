import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AtsError, isAtsError } from '#libs/errors';
import { createSuccessor, EndedLog, generateLogKey, noteSigner, noteVerifier, rootFromTiles, type TopicRecord, type TreeHead } from '#libs/log';
import type { Layout } from '../layout.js';
import { writeJson } from '../write-json.js';
import { readPlan, writePlan, type RecoveryPlan } from './plan.js';
import { placesOf, takeOver, writeDurable, type RecoveryLayout } from './places.js';

/** audit-log, committed records alone. */
export interface RecoveryTopic {
  /** Offset of the oldest record, or the end's. */
  begin(): Promise<bigint>;
  end(): Promise<bigint>;
  read(from: bigint, to: bigint): AsyncIterable<TopicRecord>;
}

/** CheckpointAnchor, logs named by their origin. */
export interface RecoveryChain {
  status(origin: string, block: 'latest' | 'finalized'): Promise<'absent' | 'open' | 'superseded'>;
  /** The anchored head; undefined before the first. */
  anchored(origin: string): Promise<TreeHead | undefined>;
  /** Resolves when it is mined. */
  supersede(origin: string, successorOrigin: string): Promise<void>;
}

export interface RecoverLogParameters {
  layout: RecoveryLayout & Pick<Layout, 'endpointsFile'>;
  topic: RecoveryTopic;
  chain: RecoveryChain;
  /** Offset that the successor's topic begins at; without it, the first record that is not, or not as it is, in the ended log. */
  fromOffset?: bigint | undefined;
  /** Name of the successor; without it, see {@link nextOrigin}. */
  origin?: string | undefined;
  /** Checkpoint to end at; without it, the newest that holds. */
  checkpoint?: Buffer | undefined;
  say: (line: string) => void;
  signal: AbortSignal;
  /** How long to wait for another process to give the log back, ms. */
  patienceMs?: number;
  pollMs?: number;
}

/** Entries; some seconds of work. */
const TELL_EVERY = 2 ** 20;

/**
 * Ends a log that may not be signed any more and puts its successor in its place: key, store, and the word on chain. What it decides is written down
 * before anything is changed, and each step is done once: called again after a crash, it goes on where it was.
 * @throws AtsError ATS_LOG_LOCKED, ATS_LOG_MISSING, ATS_LOG_DAMAGED, ATS_LOG_GAP, ATS_LOG_FORKED, ATS_LOG_RECOVERY_REFUSED, and what topic and chain throw
 */
export async function recoverLog(parameters: RecoverLogParameters): Promise<RecoveryPlan> {
  const { layout, chain, say, signal } = parameters;
  const places = placesOf(layout);
  const known = readPlan(places.plan);
  const kept = known && places.old(known.number);
  if (known && (parameters.fromOffset !== undefined || parameters.origin !== undefined || parameters.checkpoint !== undefined)) {
    throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `a recovery to ${known.successor} from offset ${known.fromOffset} is under way`, { todo: 'Run it again without flags, and it goes on.' });
  }
  // Once the successor's store is in its place, only the tidying is left.
  const ended = kept && existsSync(kept.store) && !existsSync(places.next.store) ? undefined : await hold(parameters, known && Buffer.from(known.checkpoint), {
    store: kept && existsSync(kept.store) ? kept.store : layout.logDir, vkey: kept && existsSync(kept.vkey) ? kept.vkey : layout.logVkeyFile,
  });
  try {
    const plan = known ?? await decide(parameters, ended!);
    if (!known) writePlan(places.plan, plan);
    if (ended) {
      if (ended.identity.origin !== plan.origin) throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${layout.logDir} is ${ended.identity.origin}, the recovery under way is of ${plan.origin}`);
      if (!existsSync(places.old(plan.number).vkey)) makeKey(places.next, plan.successor);
      await createSuccessor({ ended, dir: places.next.store, origin: plan.successor, firstOffset: BigInt(plan.fromOffset) });
      await supersede(chain, plan, parameters, signal);
      takeOver(places, plan.number, layout);
    }
    nameInEndpoints(layout.endpointsFile, plan.successor);
    places.forget();
    say(`${plan.origin} ended with ${plan.size} entries; it is kept in ${places.old(plan.number).folder}`);
    say(`${plan.successor} succeeds it: entry 0 is that checkpoint, audit-log goes on from offset ${plan.fromOffset}; its key is ${layout.logVkeyFile}`);
    return plan;
  } finally {
    await ended?.close();
  }
}

/** Waits for the process that writes the log to be ended. */
async function hold({ checkpoint, say, signal, patienceMs = 60_000, pollMs = 200 }: RecoverLogParameters, decided: Buffer | undefined, { store, vkey }: { store: string; vkey: string }): Promise<EndedLog> {
  const verifier = noteVerifier(readFileSync(vkey, 'utf8').trim());
  let told = false;
  for (const deadline = Date.now() + patienceMs; ;) {
    try {
      return await EndedLog.open({
        dir: store, verifier, checkpoint: decided ?? checkpoint,
        onProgress: (checked, size) => { if (checked % TELL_EVERY === 0) say(`${checked} of ${size} entries hashed again`); },
      });
    } catch (error) {
      if (!isAtsError(error, 'ATS_LOG_LOCKED') || Date.now() > deadline) throw error;
      if (!told) say(`waiting for ${store}: end chain-anchor, which holds it`);
      told = true;
    }
    await delay(pollMs, undefined, { signal });
  }
}

async function decide({ layout, topic, chain, fromOffset, origin, say }: RecoverLogParameters, ended: EndedLog): Promise<RecoveryPlan> {
  const { checkpoint, identity } = ended;
  say(`${identity.origin}: the last good checkpoint has ${checkpoint.size} entries, root ${checkpoint.root.toString('hex')}`);
  const status = await chain.status(identity.origin, 'latest');
  if (status !== 'open') throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${identity.origin} is ${status} on chain`);
  const anchored = await chain.anchored(identity.origin);
  if (anchored && anchored.size > checkpoint.size) {
    throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${anchored.size} entries are anchored, the checkpoint has ${checkpoint.size}`, { todo: 'Name a newer checkpoint with --checkpoint, from a witness, an archive or a reader.' });
  }
  if (anchored && !(await rootFromTiles(anchored.size, ended.tiles)).equals(anchored.root)) {
    throw new AtsError('ATS_LOG_FORKED', `another root is anchored for ${anchored.size} entries than the log has`);
  }
  const successor = origin ?? nextOrigin(identity.origin);
  if (successor === identity.origin || await chain.status(successor, 'latest') !== 'absent') {
    throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${successor} is a log already`, { todo: 'Name another one with --origin.' });
  }
  generateLogKey(successor); // a name that no key may have is refused before anything is decided
  return {
    origin: identity.origin, successor, number: placesOf(layout).nextNumber(), size: checkpoint.size, checkpoint: checkpoint.note.toString('utf8'),
    fromOffset: String(fromOffset ?? await firstOffset(topic, ended, say)),
  };
}

async function firstOffset(topic: RecoveryTopic, ended: EndedLog, say: (line: string) => void): Promise<bigint> {
  const { firstOffset: from } = ended.identity;
  const [begin, end] = [await topic.begin(), await topic.end()];
  if (begin > from) {
    throw new AtsError('ATS_LOG_GAP', `it begins at offset ${begin}, the log's first record has ${from}: where it parts from the log cannot be seen`, { todo: 'Name the offset with --from-offset.' });
  }
  const { offset, index, diverges } = await ended.firstOffsetBehind(topic.read(from, end), end > from ? end : from);
  say(diverges ? `audit-log parts from the log at leaf ${index}: offset ${offset}` : `audit-log agrees with the log up to leaf ${index}; it goes on at offset ${offset}`);
  return offset;
}

/** `log.example/x`, `log.example/x/successor-1`, `log.example/x/successor-2`. */
export function nextOrigin(origin: string): string {
  const [, stem, number] = /^(.*)\/successor-(\d{1,6})$/.exec(origin) ?? [undefined, origin, '0'];
  return `${stem}/successor-${Number(number) + 1}`;
}

/** The key of the successor, once: the public half first, so that a private one always has it beside it. */
function makeKey(next: { key: string; vkey: string }, origin: string): void {
  if (existsSync(next.key) && existsSync(next.vkey) && noteVerifier(readFileSync(next.vkey, 'utf8').trim()).name === origin && noteSigner(readFileSync(next.key, 'utf8').trim()).name === origin) return;
  const { privateKey, vkey } = generateLogKey(origin);
  writeDurable(next.vkey, `${vkey}\n`, 0o644);
  writeDurable(next.key, `${privateKey}\n`, 0o600);
}

/** Declares it on chain, once, and waits until no reorganisation can take it back: a log is signed only after that. */
async function supersede(chain: RecoveryChain, { origin, successor }: RecoveryPlan, { say, pollMs = 200 }: RecoverLogParameters, signal: AbortSignal): Promise<void> {
  const declared = async (): Promise<boolean> => {
    if (await chain.status(origin, 'latest') !== 'superseded') return false;
    if (await chain.status(successor, 'latest') === 'absent') throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `another log than ${successor} succeeds ${origin} on chain`);
    return true;
  };
  for (let told = false; ; await delay(pollMs, undefined, { signal })) {
    if (!await declared()) {
      // one of an earlier call may have been mined in between
      await chain.supersede(origin, successor).catch(async (error: unknown) => { if (!await declared()) throw error; });
      say(`declared on chain: ${successor} succeeds ${origin}`);
    }
    if (await chain.status(successor, 'finalized') !== 'absent') return;
    if (!told) say('waiting until that is final');
    told = true;
  }
}

function nameInEndpoints(file: string, origin: string): void {
  if (!existsSync(file)) return;
  const endpoints = JSON.parse(readFileSync(file, 'utf8')) as { log?: { origin: string } };
  if (!endpoints.log) return;
  endpoints.log.origin = origin;
  writeJson(file, endpoints);
}
