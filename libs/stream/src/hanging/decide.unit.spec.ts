import { decide, mayEnd, type Evidence, type MarkerSeen } from './decide.js';
import type { StateRecord } from './state-log.js';

const place = { topic: 'out', partition: 1 };
const sibling = { topic: 'out', partition: 2 };
const EPOCH = 3;

function state(name: StateRecord['state'], updatedAt: number, more: Partial<StateRecord> = {}): StateRecord {
  return { transactionalId: 'id', producerId: 7n, producerEpoch: EPOCH, state: name, partitions: [place, sibling], updatedAt, ...more };
}

function marker(commit: boolean, more: Partial<MarkerSeen> = {}): MarkerSeen {
  return { ...sibling, offset: 9n, producerEpoch: EPOCH, commit, timestamp: 1010, ...more };
}

/** The open transaction began at 1000. */
function judged(evidence: Partial<Evidence>): string {
  return decide({ place, producerEpoch: EPOCH, startedAt: 1000, states: [], statesComplete: true, siblings: [], skewMs: 0, ...evidence }).decision;
}

const [commit, abort] = [state('PrepareCommit', 1005), state('PrepareAbort', 1005, { producerEpoch: EPOCH + 1 })];

it.each<[string, Partial<Evidence>, string]>([
  ['a logged decision tells', { states: [commit] }, 'commit'],
  ['also one to abort, which fencing logs with the next epoch', { states: [abort] }, 'abort'],
  ['what was completed, or only begun, is no decision', { states: [state('Ongoing', 1001), state('CompleteCommit', 1006), state('Empty', 1007, { partitions: [] })] }, 'unknown'],
  ['a decision about other partitions is none', { states: [state('PrepareCommit', 1005, { partitions: [sibling] })] }, 'unknown'],
  ['a decision of an earlier session is none', { states: [state('PrepareCommit', 1005, { producerEpoch: EPOCH - 1 })] }, 'unknown'],
  ['decisions from before it began are not its own', { states: [state('PrepareAbort', 900), commit] }, 'commit'],
  ['the last decision to commit, when it is older, tells nothing', { states: [state('PrepareCommit', 900)] }, 'unknown'],
  ['the last decision to abort tells even if a clock was set back: nothing was committed since', { states: [state('PrepareCommit', 900), state('PrepareAbort', 950)] }, 'abort'],
  ['two decisions since then that agree tell', { states: [commit, state('PrepareCommit', 1100)] }, 'commit'],
  ['two that do not agree tell nothing', { states: [commit, state('PrepareAbort', 1100)] }, 'unknown'],
  ['a clock that may be off leaves both in', { states: [state('PrepareCommit', 999), abort], skewMs: 10 }, 'unknown'],
  ['without a broker time all decisions count', { startedAt: undefined, states: [state('PrepareCommit', 900), state('PrepareCommit', 1)] }, 'commit'],
  ['and must agree', { startedAt: undefined, states: [state('PrepareAbort', 900), commit] }, 'unknown'],
  ['what is under way is not judged by the decision before it, which clocks that may be off leave in', { states: [state('PrepareCommit', 990), state('Ongoing', 1000)], skewMs: 1000 }, 'under way'],
  ['nor by a marker', { states: [state('Ongoing', 1000)], statesComplete: false, siblings: [marker(true)] }, 'under way'],
  ['what was under way before it was decided is', { states: [state('Ongoing', 1000), commit] }, 'commit'],
  ['also while another transaction is under way elsewhere', { states: [commit, state('Ongoing', 1010, { partitions: [sibling] })] }, 'commit'],
  ["a sibling's marker that says the same agrees", { states: [commit], siblings: [marker(true)] }, 'commit'],
  ["a sibling's marker that says otherwise contradicts", { states: [commit], siblings: [marker(false)] }, 'unknown'],
  ["a later session's marker does not", { states: [commit], siblings: [marker(false, { producerEpoch: EPOCH + 2 })] }, 'commit'],
  ['a log that is no longer whole is not believed', { states: [commit], statesComplete: false }, 'unknown'],
  ['then a marker of the same session tells', { states: [abort], statesComplete: false, siblings: [marker(true)] }, 'commit'],
  ['also one to abort', { statesComplete: false, siblings: [marker(false)] }, 'abort'],
  ['but not both', { statesComplete: false, siblings: [marker(true), marker(false)] }, 'unknown'],
  ['nor one of another session', { statesComplete: false, siblings: [marker(false, { producerEpoch: EPOCH + 1 })] }, 'unknown'],
  ['where nothing is, nothing is guessed', {}, 'unknown'],
])('%s', (_, evidence, decision) => {
  expect(judged(evidence)).toBe(decision);
});

it.each<[Parameters<typeof mayEnd>[0], boolean, boolean]>([
  ['commit', true, true],
  ['abort', true, true],
  ['unknown', false, true],
  ['under way', false, false],
])('what was decided as "%s" is ended: %s; by the word of a person: %s', (decision, byItself, byWord) => {
  expect([mayEnd(decision, false), mayEnd(decision, true)]).toEqual([byItself, byWord]);
});
