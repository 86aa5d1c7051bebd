import { randomInt } from 'node:crypto';
import type { Layout } from '../layout.js';
import { oneLine } from '../one-line.js';
import type { Say } from '../say.js';
import type { Stack } from '../setup/bring-up.js';
import { frame } from '../watch/frame.js';
import { countStates } from '../watch/icinga-states.js';
import type { Observer } from '../watch/observer.js';
import { writeJson } from '../write-json.js';
import { passiveResults } from './icinga-results.js';
import { doOnce, type Findings } from './job.js';
import { reportHeader, residentOf, type ReportHeader } from './report.js';
import { totalsOf, verdictAt } from './recount.js';
import { Stages } from './stages.js';

export interface OnceParameters {
  layout: Layout;
  say: Say;
  signal: AbortSignal;
  seed?: number | undefined;
}

/** One run of the main job with its report, which is written whatever happens. */
export class Once {
  readonly #startedAt = new Date();
  readonly #findings: Findings;
  readonly #stages: Stages;
  #reported = false;

  constructor(private readonly parameters: OnceParameters) {
    this.#findings = { seed: parameters.seed ?? randomInt(2 ** 31) };
    this.#stages = new Stages(parameters.say, parameters.signal);
  }

  /** Does the job, shows the table and writes the report. @throws AtsError ATS_STAGE_MISSING when a stage did not come or a check failed */
  async run(stack: Stack, observer: Observer): Promise<void> {
    const { say, signal } = this.parameters;
    this.#stages.check('parts', true, 'every part started', stack.supervisor.status().map(({ name }) => name).join(', '));
    let failure: unknown;
    await doOnce({ stack, observer, stages: this.#stages, findings: this.#findings, say, signal }).catch((error: unknown) => (failure = error));
    if (failure !== undefined && this.failedChecks().length === 0) this.#stages.check('job', false, 'the whole job', oneLine(failure));
    const measured = await this.#measured(stack, observer).catch((error: unknown) => {
      this.#stages.check('measured', false, 'every figure of the report', error instanceof Error ? error.message : String(error));
      return {};
    });
    // The lines above have told the events already.
    for (const line of frame(observer.snapshot([]), process.stdout.columns ?? Infinity)) say(line);
    this.#write(measured);
    if (failure !== undefined) throw failure;
  }

  /** Starts again what the job had stopped so that the log came to rest. */
  async goOn({ apps, supervisor }: Stack): Promise<void> {
    const stopped = this.#findings.stopped ?? [];
    await Promise.all(apps.filter(({ name }) => stopped.includes(name)).map(({ name, start }) => supervisor.run(name, start)));
  }

  /** True once the report is written. */
  get reported(): boolean {
    return this.#reported;
  }

  /** For a run that failed or was stopped before anything was there to look at. */
  failed(error: unknown): void {
    if (this.#reported) return;
    this.#stages.check('parts', false, 'every part started', error instanceof Error ? error.message : String(error));
    this.#write({});
  }

  /** The ids of the checks that failed. */
  failedChecks(): string[] {
    return this.#stages.checks.filter(({ ok }) => !ok).map(({ id }) => id);
  }

  #write(measured: Record<string, unknown>): void {
    const { layout, say } = this.parameters;
    const report: ReportHeader = { ...reportHeader('attestream/report/1', this.#startedAt, this.#stages.checks), ...measured };
    writeJson(layout.reportFile, report);
    this.#reported = true;
    say(`${report.ok ? 'the main job is done' : `failed: ${this.failedChecks().join(', ')}`}, ${report.seconds} s; report: ${layout.reportFile}`);
  }

  async #measured(stack: Stack, observer: Observer): Promise<Record<string, unknown>> {
    const { recount, attacks, services, secondsToFirstState, seed, log, anchored, audit } = this.#findings;
    const parts = stack.supervisor.status();
    const sources = recount && { telemetry: totalsOf(recount, 'telemetry'), 'bci-intent': totalsOf(recount, 'bci-intent') };
    if (sources) this.#checkSums(sources);
    const latencies = { produceToIcinga: observer.latency(), produceToAnchor: observer.log()?.timeToAnchor };
    return {
      startupSeconds: {
        ...Object.fromEntries(parts.filter(({ startupSeconds }) => startupSeconds !== undefined).map(({ name, startupSeconds }) => [name, round(startupSeconds!)])),
        ...(secondsToFirstState !== undefined && { firstState: round(secondsToFirstState) }),
      },
      ...(recount && sources && { sources, upTo: Object.fromEntries(Object.entries(recount.ends).map(([topic, ends]) => [topic, ends.map(Number)])) }),
      attacks: (attacks?.attacks ?? []).map(({ kind, expected, at }) => ({
        kind, topic: at.topic, partition: at.partition, offset: Number(at.offset), expected, got: (recount && verdictAt(recount, at)?.verdict) ?? null,
      })),
      seed,
      ...(services && { icinga: { results: await passiveResults(stack.icinga), states: withoutPending(countStates(services)) } }),
      ...(log && { log }),
      ...(anchored && { anchored }),
      ...(audit && { audit }),
      latencyMs: Object.fromEntries(Object.entries(latencies).filter(([, latency]) => latency !== undefined).map(([name, latency]) => [name, { p50: Math.round(latency!.p50), p99: Math.round(latency!.p99) }])),
      rssMiB: this.#findings.rssMiB ?? residentOf(parts),
    };
  }

  #checkSums(sources: Record<string, ReturnType<typeof totalsOf>>): void {
    for (const [topic, { produced, verified, rejected }] of Object.entries(sources)) {
      const refused = Object.values(rejected).reduce((sum, n) => sum + n, 0);
      this.#stages.check(`sum: ${topic}`, produced === verified + refused, 'produced = verified + refused', `${produced} = ${verified} + ${refused}`);
    }
  }
}

function withoutPending({ OK, WARNING, CRITICAL, UNKNOWN }: ReturnType<typeof countStates>) {
  return { OK, WARNING, CRITICAL, UNKNOWN };
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
