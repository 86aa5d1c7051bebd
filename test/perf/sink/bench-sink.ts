/**
 * Results a second that the sink gets into Icinga2 beside the most that Icinga2 takes from the plainest client, in turn; and from produce to Icinga2 through
 * the gate at half load: see docs/icinga.md. Writes bench-sink.json into ATTESTREAM_HOME, also when it fails.
 * Run: make bench-sink (SHORT=1 for one round of everything)
 */
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { creationSeconds, endToEnd, plainRow, recoverySeconds, sinkRow, type Row } from './rows.js';
import { SERVICES, SinkBenchWorld } from './world.js';

const WANTED_RATIO = 0.9;
const WANTED_P99_MS = 1_000;
const CREATED_WITHIN_SECONDS = 60;
const RECOVERED_WITHIN_SECONDS = 30;
/** Connections, and requests under way on each. */
const SHAPES = [[1, 1], [2, 1], [4, 1], [8, 1], [16, 1], [32, 1], [64, 1], [4, 32], [8, 32], [16, 32]] as const;
/** A backlog lasts this long at Icinga2's own pace. */
const BACKLOG_SECONDS = 8;

const short = !['', '0'].includes(process.env['SHORT'] ?? '');
const startedAt = new Date();
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
const checks: Check[] = [];
const report: Record<string, unknown> = { services: SERVICES };
const say = (line: string): void => void process.stderr.write(`  bench    ${line}\n`);
const check = (id: string, ok: boolean, want: string, got: string): void => void checks.push({ id, ok, want, got });
const load = () => loadavg().map((one) => one.toFixed(1)).join(' ');
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const tell = ({ sender, perSecond, cpuMicros }: Row, how = '') =>
  say(`${sender}${how}: ${perSecond} results/s; us of CPU a result: Icinga2 ${cpuMicros.icinga2}, ${sender} ${cpuMicros.sender}, broker ${cpuMicros.broker}`);

async function bench(world: SinkBenchWorld): Promise<void> {
  const created = await creationSeconds(world);
  await world.inner.drained();
  report['creationSeconds'] = Math.round(created * 10) / 10;
  say(`${SERVICES} services made in ${created.toFixed(1)} s; load average ${load()}`);
  check('created', created <= CREATED_WITHIN_SECONDS, `${SERVICES} services within ${CREATED_WITHIN_SECONDS} s`, `${created.toFixed(1)} s`);

  const ceiling: (Row & { connections: number; depth: number })[] = [];
  for (const [connections, depth] of SHAPES) {
    const row = await plainRow(world, { connections, depth, seconds: short ? 0.7 : 1.5 });
    ceiling.push({ ...row, connections, depth });
    tell(row, ` ${connections} x ${depth}`);
  }
  const best = ceiling.toSorted((a, b) => b.perSecond - a.perSecond)[0]!;
  const rows: Row[] = [];
  for (let i = 0; i < (short ? 1 : 3); i++) {
    const plain = await plainRow(world, { ...best, seconds: short ? 2 : 4 });
    tell(plain, ` ${best.connections} x ${best.depth}`);
    const sink = await sinkRow(world, (short ? 0.5 : 1) * BACKLOG_SECONDS * plain.perSecond);
    tell(sink);
    rows.push(plain, sink);
  }
  const of = (sender: Row['sender']) => median(rows.filter((row) => row.sender === sender).map(({ perSecond }) => perSecond));
  const ratio = Math.round((of('sink') / of('plain')) * 1_000) / 1_000;
  Object.assign(report, { ceiling, rows, ratio });
  check('ratio', ratio >= WANTED_RATIO, `>= ${WANTED_RATIO} of what Icinga2 takes`, `${ratio}: ${of('sink')}/s of ${of('plain')}/s`);

  const recovered = await recoverySeconds(world);
  report['recoverySeconds'] = Math.round(recovered * 10) / 10;
  check('recovered', recovered <= RECOVERED_WITHIN_SECONDS, `every state back within ${RECOVERED_WITHIN_SECONDS} s of a kill of Icinga2`, `${recovered.toFixed(1)} s`);

  const gate = await world.startGate();
  const verifier = gate.lines.find(({ msg }) => msg.includes('verif'))?.msg ?? 'unknown';
  const path = await endToEnd(world, { backlogRounds: short ? 2 : 5, seconds: short ? 8 : 25 });
  Object.assign(report, { endToEnd: path, gate: verifier });
  const { fromDue, fromAcknowledged } = path.latencyMs;
  say(`produce to Icinga2: ${path.fullPerSecond}/s with a backlog; at ${path.halfPerSecond}/s p50 ${fromDue.p50} ms, p99 ${fromDue.p99} ms, most ${fromDue.most} ms`);
  check('complete', path.missing === 0, `a result for each of ${path.messages} messages`, `${path.missing} missing`);
  check('latency', fromDue.p99 < WANTED_P99_MS, `p99 < ${WANTED_P99_MS} ms from due to taken at half load`, `${fromDue.p99} ms (${fromAcknowledged.p99} ms from the acknowledgement) at ${path.halfPerSecond}/s`);
  console.table([...ceiling.map(({ connections, depth, ...row }) => ({ ...row, sender: `plain ${connections} x ${depth}` })), ...rows]
    .map(({ sender, perSecond, cpuMicros }) => ({ sender, 'results/s': perSecond, 'CPU us: Icinga2': cpuMicros.icinga2, sender_: cpuMicros.sender, broker: cpuMicros.broker })));
}

let world: SinkBenchWorld | undefined;
try {
  say(`load average ${load()}`);
  world = await SinkBenchWorld.start();
  await bench(world);
} catch (error) {
  check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error));
} finally {
  await world?.stop();
}
report['loadAverage'] = loadavg().map((one) => Math.round(one * 10) / 10);
const header = reportHeader('attestream/bench-sink/1', startedAt, checks);
writeJson(join(home, 'bench-sink.json'), { ...header, ...report });
for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
process.stdout.write(`${header.seconds} s, load average ${load()}; ${join(home, 'bench-sink.json')}\n`);
process.exitCode = header.ok ? 0 : 1;
