import { setTimeout as delay } from 'node:timers/promises';
import { fieldToBytes, type EventOf } from '#libs/events';
import type { ServiceView } from '#libs/icinga';
import { deploymentScope, pseudonymOf } from '#libs/proofs';
import type { Say } from '../say.js';
import { agentName } from '../setup/apps.js';
import type { Stack } from '../setup/bring-up.js';
import type { Observer } from '../watch/observer.js';
import { bringToRest } from './at-rest.js';
import { attack, type Attacks } from './attacks.js';
import { heardSince } from './heard.js';
import { checkLog, type LogFindings } from './log-checks.js';
import { raiseOpenFiles } from './raise-open-files.js';
import { residentOf } from './report.js';
import { recount, sourceEnds, verdictAt, type Recount } from './recount.js';
import type { Stages } from './stages.js';

const HOUSEHOLDS = 3;
const MESSAGES = 40;

/** What the job found, for the report. Filled as far as the job came. */
export interface Findings extends LogFindings {
  seed: number;
  secondsToFirstState?: number;
  attacks?: Attacks;
  recount?: Recount;
  services?: readonly ServiceView[];
  /** While everything still ran. */
  rssMiB?: Record<string, number | undefined>;
  /** Parts that the job has stopped so that the log comes to rest. */
  stopped?: readonly string[];
}

export interface JobParameters {
  stack: Stack;
  observer: Observer;
  stages: Stages;
  findings: Findings;
  say: Say;
  signal: AbortSignal;
}

/**
 * The main job, once: readings of at least three households become Icinga2 checks, four attacks are refused, CRITICAL comes from a metric
 * raised on purpose and UNKNOWN from an agent that is stopped; then the log is brought to rest, counted, anchored and audited.
 * @throws AtsError ATS_STAGE_MISSING naming the first stage that did not come
 */
export async function doOnce({ stack, observer, stages, findings, say, signal }: JobParameters): Promise<void> {
  const { supervisor, kafka, codec } = stack;
  const { epochSeconds } = stack.parameters.statements[0]!;
  // Data of earlier runs is kept: only what came since this one was started may carry a stage.
  const verified = () => observer.tally.verifiedSince('telemetry');
  const hosts = new Map(stack.households.map(({ name, secret }) => [name, fieldToBytes(pseudonymOf(secret, deploymentScope(stack.deployment))).toString('hex')]));
  const heard = (since = observer.startedAt) => heardSince(observer.services() ?? [], since, epochSeconds);
  const telling = (what: string) => ({ progress: () => `${what}; ${progress(observer)}` });

  stages.check('households', stack.households.length >= HOUSEHOLDS, `at least ${HOUSEHOLDS}`, String(stack.households.length));

  await stages.until('first-verified', 'a verified event', 300, () => (verified() > 0 ? verified() : undefined), { got: (n) => `${n} verified`, ...telling('nothing is verified') });
  await stages.until('first-state', 'a state of a household in Icinga2', 180, () => heard()[0], { got: ({ service, state }) => `${service} ${state}`, ...telling('no service has a state') });
  findings.secondsToFirstState = (performance.now() - stack.startedAt) / 1_000;

  await stages.do('open-files', 'the open files of this machine raised', () => raiseOpenFiles(stack), (n) => `${n} more files open`);
  const raisedAt = Date.now();
  const attacks = await stages.do('attacks', 'four kinds of attack in the log', () => attack(stack, findings.seed, signal), (sent) => `${sent.attacks.length} sent`);
  findings.attacks = attacks;

  const [last] = stack.households.slice(-1);
  const silenced = hosts.get(last!.name)!;
  await stages.until('every-household', 'a state of every household in Icinga2', 120,
    () => ([...hosts.values()].every((host) => heard().some((service) => service.host === host)) ? hosts.size : undefined),
    { got: (n) => `${n} households`, ...telling('a household is missing') });
  say(`stopping the agent of ${last!.name}: its silence is to become UNKNOWN`);
  await supervisor.stopPart(agentName(last!.name));
  const silentSince = Date.now();

  await stages.until('critical', 'CRITICAL for the open files in Icinga2', 180,
    () => heard(raisedAt).find(({ host, service, state }) => host !== silenced && service === 'open-files' && state === 'CRITICAL'),
    { got: ({ output }) => output, ...telling('open-files is not CRITICAL') });
  await stages.until('unknown', 'UNKNOWN for the stopped agent in Icinga2', 240, () => {
    const services = (observer.services() ?? []).filter(({ host }) => host === silenced);
    return services.length > 0 && services.every(({ state, active }) => state === 'UNKNOWN' && active) && services.some(({ executionStart }) => executionStart >= silentSince) ? services : undefined;
  }, { got: (services) => `${services.length} services: ${services[0]!.output}`, ...telling('it is not UNKNOWN') });
  await stages.until('messages', `at least ${MESSAGES} verified telemetry messages`, 480, () => (verified() >= MESSAGES ? verified() : undefined),
    { got: (n) => `${n} verified`, ...telling('too few') });

  findings.recount = await stages.until('accounted', 'one audit entry and one outcome for every source record', 120, async () => {
    const ends = findings.recount?.ends ?? (await sourceEnds(kafka));
    const counted = await recount(kafka, codec, ends);
    findings.recount = counted;
    return counted.faults.length === 0 ? counted : undefined;
  }, { got: ({ accounts }) => `${accounts.length} source records`, progress: () => findings.recount?.faults.slice(0, 3).join('; ') ?? 'not counted' });

  checkAttacks(stages, attacks, findings.recount);
  await checkIcinga({ observer, stages, codec, kafka, findings, signal });

  findings.rssMiB = residentOf(supervisor.status());
  const atRest = await bringToRest({ stack, stages, say });
  findings.recount = atRest.recount;
  findings.stopped = atRest.stopped;
  await checkLog({ stack, stages, findings, records: atRest.recount.accounts.length, progress: () => progress(observer), say, signal });
}

function checkAttacks(stages: Stages, { attacks, genuine }: Attacks, counted: Recount): void {
  const genuineVerdict = verdictAt(counted, genuine)?.verdict;
  stages.check('genuine', genuineVerdict === 'VERIFIED', 'VERIFIED for the message that the attacks are made from', String(genuineVerdict));
  for (const { kind, expected, at } of attacks) {
    const { verdict, duplicateOf } = verdictAt(counted, at) ?? {};
    const duplicate = kind !== 'byte-for-byte replay' || BigInt(duplicateOf ?? -1) === genuine.offset;
    stages.check(`attack: ${kind}`, verdict === expected && duplicate, expected, `${verdict}${duplicate ? '' : `, said to repeat ${duplicateOf}`}`);
  }
}

/** Every service that is heard shows the state of the newest event that may be acted on. New ones come in meanwhile, so it is looked at until both agree. */
async function checkIcinga({ observer, stages, codec, kafka, findings, signal }: Pick<JobParameters, 'observer' | 'stages' | 'findings' | 'signal'> & Pick<Stack, 'codec' | 'kafka'>): Promise<void> {
  let differences: string[] = ['not looked at'];
  for (const deadline = Date.now() + 30_000; differences.length > 0 && Date.now() < deadline; await delay(500, undefined, { signal })) {
    const services = await observer.icinga.services();
    findings.services = services;
    const newest = newestStates(await recount(kafka, codec, await sourceEnds(kafka)));
    differences = services.filter(({ active, state }) => !active && state !== 'PENDING')
      .filter(({ host, service, state }) => newest.get(`${host}!${service}`)?.state !== state)
      .map(({ host, service, state }) => `${host.slice(0, 8)}!${service} is ${state}, the log says ${newest.get(`${host}!${service}`)?.state ?? 'nothing'}`);
  }
  stages.check('icinga-agrees', differences.length === 0, 'every heard service in the state of its newest verified event', differences.slice(0, 3).join('; ') || `${findings.services?.length ?? 0} services`);
}

function newestStates({ accounts }: Recount): Map<string, EventOf<'telemetry.verified'>> {
  const newest = new Map<string, EventOf<'telemetry.verified'>>();
  for (const event of accounts.flatMap((account) => (account.topic === 'telemetry' ? (account.verified as EventOf<'telemetry.verified'>[]) : []))) {
    const key = `${event.pseudonym.toString('hex')}!${event.stream}`;
    if (!event.late && event.epoch >= (newest.get(key)?.epoch ?? 0)) newest.set(key, event);
  }
  return newest;
}

function progress(observer: Observer): string {
  const { parts, waiting } = observer.snapshot([]);
  const down = parts.filter(({ state }) => state !== 'up' && state !== 'stopped').map(({ name, state }) => `${name} is ${state}`);
  return [...down, ...[...waiting].map(([name, what]) => `${name} waits for ${what}`)].join(', ') || 'every part is ready';
}
