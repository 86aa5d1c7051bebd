import type { ServiceState } from '#libs/icinga';
import type { PartStatus } from '#libs/stack';
import type { Totals } from './counts.js';

/** What one picture of the running system shows. */
export interface Snapshot {
  readonly seconds: number;
  readonly totals: Totals;
  readonly chainBlocks: number;
  readonly states: Record<ServiceState, number> | undefined;
  /** From the broker's timestamp of the source record to Icinga2's acceptance of the check. */
  readonly latency: Latency | undefined;
  /** Undefined while chain-anchor has not answered yet. */
  readonly log: LogFigures | undefined;
  readonly parts: readonly PartStatus[];
  /** What apps wait for, by app. */
  readonly waiting: ReadonlyMap<string, string>;
  readonly messages: readonly string[];
}

/** What chain-anchor says of the log. */
export interface LogFigures {
  readonly size: number;
  /** Under the published checkpoint. */
  readonly published: number;
  /** Under the newest anchor in a finalized block. */
  readonly anchored: number;
  /** From the broker's timestamp of the source record to the finalized anchor of its entry. */
  readonly timeToAnchor: Latency | undefined;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

const SOURCES = ['telemetry', 'bci-intent'] as const;

/** The table as lines of text, none longer than `columns`. */
export function frame({ seconds, totals, chainBlocks, states, latency, log, parts, waiting, messages }: Snapshot, columns: number): string[] {
  const count = (counts: ReadonlyMap<string, number>, topic: string) => counts.get(topic) ?? 0;
  const events = SOURCES.map((topic) => {
    const reasons = totals.rejected.get(topic) ?? new Map<string, number>();
    const refused = [...reasons.values()].reduce((sum, n) => sum + n, 0);
    const row = [topic.padEnd(14), count(totals.produced, topic), count(totals.verified, topic), refused]
      .map((cell) => String(cell).padStart(9)).join('').replace(/^ +/, '');
    const why = [...reasons].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([reason, n]) => `${reason} ${n}`).join('  ');
    return `  ${row}   ${why}`;
  });
  const partLines = parts.map(({ name, state, pid, restarts }) => [
    `  ${state === 'up' ? (waiting.has(name) ? '~' : '+') : '-'} ${name.padEnd(22)}`,
    `${state === 'up' ? String(pid) : state}`.padStart(8),
    `${restarts}`.padStart(10),
    waiting.has(name) ? `   waits for ${waiting.get(name)}` : '',
  ].join(''));
  return [
    `Attestream   ${duration(seconds)}   ${chainBlocks} blocks of the chain indexed`,
    '',
    '  events          in the log verified  refused',
    ...events,
    '',
    `  Icinga2        ${states === undefined ? 'does not answer' : Object.entries(states).filter(([state, n]) => state !== 'PENDING' || n > 0).map(([state, n]) => `${state} ${n}`).join('   ')}`,
    `  to Icinga2     ${latency === undefined ? 'nothing yet' : `p50 ${seconds1(latency.p50)} s   p99 ${seconds1(latency.p99)} s   from the broker's timestamp`}`,
    `  log            ${log === undefined ? 'nothing yet' : `${log.size} entries   ${log.published} published   ${log.anchored} anchored and final`}`,
    `  to the anchor  ${log?.timeToAnchor === undefined ? 'nothing yet' : `p50 ${seconds1(log.timeToAnchor.p50)} s   p99 ${seconds1(log.timeToAnchor.p99)} s   from the broker's timestamp`}`,
    '',
    `    ${'part'.padEnd(22)}${'pid'.padStart(8)}${'restarts'.padStart(10)}`,
    ...partLines,
    '',
    ...messages.map((message) => `  ${message}`),
  ].map((line) => line.slice(0, columns).trimEnd());
}

/** The same in one line, for a terminal that is none. */
export function summary({ seconds, totals, states, latency, log, parts }: Snapshot): string {
  const sum = (counts: Iterable<number>) => [...counts].reduce((total, n) => total + n, 0);
  const refused = [...totals.rejected.values()].flatMap((reasons) => [...reasons]);
  return [
    duration(seconds),
    `in ${sum(totals.produced.values())}`,
    `verified ${sum(totals.verified.values())}`,
    `refused ${sum(refused.map(([, n]) => n))}${refused.length > 0 ? ` (${refused.map(([reason, n]) => `${reason} ${n}`).join(', ')})` : ''}`,
    `Icinga2 ${states === undefined ? '-' : Object.entries(states).filter(([, n]) => n > 0).map(([state, n]) => `${state} ${n}`).join(', ') || 'empty'}`,
    ...(latency === undefined ? [] : [`to Icinga2 p50 ${seconds1(latency.p50)} s`]),
    ...(log === undefined ? [] : [`log ${log.size}, anchored ${log.anchored}${log.timeToAnchor === undefined ? '' : ` in p50 ${seconds1(log.timeToAnchor.p50)} s`}`]),
    `parts ${parts.filter(({ state }) => state === 'up').length} of ${parts.length} up, ${sum(parts.map(({ restarts }) => restarts))} restarts`,
  ].join(' | ');
}

function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  return [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60].map((n) => String(n).padStart(2, '0')).join(':');
}

function seconds1(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(1);
}
