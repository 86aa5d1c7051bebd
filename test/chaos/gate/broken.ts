/** Runs of gates with a broken protocol, each brought into the one situation that it can't stand. The judge must refuse what they leave. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../support/gate-until.js';
import { Blows, GROUP } from './blows.js';
import { sourceEnds, topicFacts } from './facts.js';
import type { Fault } from './fault.js';
import { judge, type Judgement } from './judge.js';
import type { AppLife } from './life.js';
import type { Point } from './plan.js';
import { Ledger, produce } from './producer.js';
import { Progress } from './progress.js';
import { Traffic } from './traffic.js';
import type { ChaosWorld } from './world.js';

/** Messages are of one household, so that they are all of one partition, and few. */
const PACE_MS = 100;
const BATCH = 10;
const PATIENCE_MS = 90_000;

/** The gates of the run before are to be down, the indexer up. The household must be one that nobody spoke for. */
export async function runBroken(world: ChaosWorld, fault: Fault, household: number): Promise<Judgement> {
  const since = await sourceEnds(world);
  const ledger = new Ledger();
  const over = new AbortController();
  const [a, b] = [world.brokenGate(`${fault}-a`, fault), world.brokenGate(`${fault}-b`, fault)];
  await a.start({ supervised: false });
  const traffic = new Traffic({ world: world.simulated, seed: household, households: [household], valid: 10_000, bad: 0, epochBefore: world.simulated.lastEpoch() - 2_500 });
  const allowance = async () => {
    await delay(PACE_MS, undefined, { signal: over.signal }).catch(() => undefined);
    return BATCH;
  };
  const feeding = produce({ kafka: world.kafka, traffic, ledger, allowance, signal: over.signal });
  try {
    await a.works(PATIENCE_MS);
    await situation(world, a, b, fault);
    over.abort();
    await feeding;
    await drained(world);
    return judge({ sent: ledger.sent(), ...(await topicFacts(world, since)) });
  } finally {
    over.abort();
    await feeding.catch(() => undefined); // its error is told above, if it was the first
    await Promise.all([a.stop(), b.stop()]);
  }
}

/** One of the two works on when it resolves. */
async function situation(world: ChaosWorld, a: AppLife, b: AppLife, fault: Fault): Promise<void> {
  switch (fault) {
    case 'outside': return await dieAt('offsets', a, b);
    case 'split-offsets': return await dieAt('committed', a, b);
    case 'own-position': return await comeBack(world, a, b);
    case 'early-state': return await joinAgain(world, a);
    default: return await outliveOwnEviction(world, a, b, fault);
  }
}

/** One dies at this point, the other goes on where it was. */
async function dieAt(point: Point, a: AppLife, b: AppLife): Promise<void> {
  a.setTraps({ at: point, signal: 'SIGKILL' });
  await within('the trap', a.ended());
  await b.start({ supervised: false });
  await b.works(PATIENCE_MS);
}

/** Frozen behind a commit of its own, thrown out of the group, woken once another has been given the partition, has gone on in it and died: it is its own again. */
async function comeBack(world: ChaosWorld, a: AppLife, b: AppLife): Promise<void> {
  const blows = new Blows(world);
  try {
    a.setTraps({ at: 'committed', signal: 'SIGSTOP', topic: 'telemetry' });
    await until('it stands still', () => a.isFrozen(), PATIENCE_MS);
    await blows.expel(a);
    b.setTraps({ at: 'committed', signal: 'SIGKILL', topic: 'telemetry' });
    await b.start({ supervised: false });
    await within('its successor', b.ended());
    await blows.expel(b);
    a.thaw();
  } finally {
    await blows.close();
  }
}

/** Its membership ends and begins anew between verdicts and their transaction: they are given up, the state stays, and the same records come again. */
async function joinAgain(world: ChaosWorld, a: AppLife): Promise<void> {
  const blows = new Blows(world);
  try {
    a.hold();
    await until('verdicts are held', () => a.notes().some((line) => line.startsWith('held telemetry/')), PATIENCE_MS);
    const before = a.memberId();
    await blows.expel(a);
    await until('it is a member again', () => ![before, undefined].includes(a.memberId()), PATIENCE_MS);
    a.release();
  } finally {
    await blows.close();
  }
}

/**
 * Frozen in the middle of a transaction, thrown out of the group, woken once its successor knows where to go on: the zombie commits, and dies with that.
 * A protocol that is whole has fenced it by then.
 */
async function outliveOwnEviction(world: ChaosWorld, a: AppLife, b: AppLife, fault: Fault): Promise<void> {
  const blows = new Blows(world);
  try {
    await b.start({ supervised: false });
    await b.works(PATIENCE_MS);
    const pids = new Map([a, b].map((gate) => [gate, gate.pid!]));
    for (const gate of [a, b]) gate.setTraps({ at: 'offsets', signal: 'SIGSTOP', topic: 'telemetry' });
    const zombie = await eventually('one of the two stands still', () => [a, b].find((gate) => gate.isFrozen()));
    const successor = zombie === a ? b : a;
    successor.setTraps();
    successor.hold();
    const id = /^trap offsets (\S+)$/.exec(zombie.notes().findLast((line) => line.startsWith('trap')) ?? '')![1]!;
    const known = `committed ${id.replace(`${GROUP}-telemetry-`, 'telemetry/')}`;
    const before = successor.notes().filter((line) => line === known).length;
    await blows.expel(zombie);
    await until('the successor knows where to go on', () => successor.notes().filter((line) => line === known).length > before, PATIENCE_MS);
    zombie.setTraps({ at: 'committed', signal: 'SIGKILL', topic: 'telemetry' });
    zombie.thaw();
    await within('the zombie', zombie.ended());
    successor.release();
    if (fault === 'own-id') await settle(world, pids.get(zombie)!);
  } finally {
    await blows.close();
  }
}

/** What a zombie with an id of its own has left open beside, nobody would settle before its time-out. */
async function settle(world: ChaosWorld, pid: number): Promise<void> {
  for (const place of ['telemetry-0', 'telemetry-1', 'telemetry-2', 'telemetry-3', 'chain-events-0']) {
    const producer = world.kafka.role('settle').producer({ transactionalId: `${GROUP}-${place}-${pid}`, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    await (await producer.transaction()).abort();
    await producer.disconnect();
  }
}

/** Every message that is in the log now has an entry. */
async function drained(world: ChaosWorld): Promise<void> {
  const ends = [...(await sourceEnds(world))];
  const over = new AbortController();
  const progress = new Progress(world.kafka);
  progress.begin(over.signal);
  try {
    await until('an entry for every message', () => ends.every(([partition, end]) => end === 0n || progress.entries.has(`${partition}/${end - 1n}`)), PATIENCE_MS);
  } finally {
    over.abort();
    await progress.end();
  }
}

async function eventually<T>(what: string, find: () => T | undefined): Promise<T> {
  await until(what, () => find() !== undefined, PATIENCE_MS);
  return find()!;
}

async function within(what: string, promise: Promise<void>): Promise<void> {
  let settled = false;
  void promise.then(() => { settled = true; });
  await until(`the end by ${what}`, () => settled, PATIENCE_MS);
}
