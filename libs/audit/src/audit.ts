import { availableParallelism } from 'node:os';
import { AtsError, isAtsError } from '#libs/errors';
import { noteVerifier, openCheckpoint, TILE_WIDTH, type NoteVerifier } from '#libs/log';
import { CIRCUITS_FOLDER, deploymentScope, Verifiers } from '#libs/proofs';
import type { AuditReport } from './audit-report.js';
import { Findings } from './findings.js';
import { DEFAULT_LIMITS, type AuditLimits, type AuditOptions } from './options.js';
import { OwnChain } from './own-chain.js';
import { reportOf } from './report-of.js';
import { removeState, readState, type AuditProgress, type AuditTarget } from './state-file.js';
import { findTarget } from './target.js';
import { Walk } from './walk.js';

/**
 * Replays a log and recomputes all that it claims, trusting neither its operator nor the gate: docs/audit.md has every check. What can't be looked at
 * (a source that does not answer, a key that is not here) makes the report `unchecked` and is named in it; what is wrong makes it `violated`.
 * @throws what is neither: AtsError ATS_LOG_RANGE for a range without an entry, the signal's reason, and faults of our own
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const startedAt = performance.now();
  const limits: AuditLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const verifier = noteVerifier(options.vkey);
  const findings = (kept?: AuditProgress['findings']) => new Findings(options.mostFailures ?? 1000, (failure) => options.onEvent?.({ kind: 'failure', failure }), kept);
  const verifiers = new Verifiers(options.circuitsFolder ?? CIRCUITS_FOLDER, options.threads ?? availableParallelism(), options.verifier.create);
  let walk: Walk | undefined;
  const failed = findings();
  try {
    const begun = await begin(options, limits, verifier, failed);
    if (begun === undefined) return reportOf({ options, origin: verifier.name, findings: failed, startedAt });
    const { target, progress, chain } = begun;
    const checkpoint = openCheckpoint(target.note, verifier);
    requireRange(options, checkpoint.size);
    options.onEvent?.({ kind: 'target', size: checkpoint.size, root: checkpoint.root.toString('hex'), resumedAt: (progress?.bundle ?? 0) * TILE_WIDTH });
    walk = new Walk({ options, limits, target, checkpoint, chain, scope: deploymentScope(options.deployment), verifiers, findings: progress === null ? failed : findings(progress.findings) }, progress);
    const completed = await unless(walk.findings, () => walk!.run());
    if (completed && options.stateFile !== undefined) removeState(options.stateFile);
    return reportOf({ options, origin: verifier.name, findings: walk.findings, startedAt, walk });
  } finally {
    await walk?.close();
    await verifiers.close();
  }
}

/** A range that has no entry would hold whatever the log says. */
function requireRange({ from, to }: AuditOptions, size: number): void {
  if ((from === undefined && to === undefined) || (from ?? 0) < Math.min(to ?? size, size)) return;
  throw new AtsError('ATS_LOG_RANGE', `entries ${from ?? 0} to ${to ?? size} of a log with ${size}`, { todo: 'Name a range that has entries.' });
}

interface Begun {
  readonly target: AuditTarget;
  readonly progress: AuditProgress | null;
  readonly chain: OwnChain | undefined;
}

/** What to compare, anew or as an earlier audit fixed it. Undefined when there is nothing to go on with; the findings say why. */
async function begin(options: AuditOptions, limits: AuditLimits, verifier: NoteVerifier, findings: Findings): Promise<Begun | undefined> {
  const { log, records, chain: source, deployment, stateFile, onEvent } = options;
  const identity = JSON.stringify([
    options.vkey, deployment, options.depth ?? 'verdicts', options.verifier.name, options.from ?? 0, options.to ?? null, options.topic ?? null,
    records !== undefined, source !== undefined, limits, options.mostFailures ?? 1000,
  ]);
  const onBlock = (block: number, head: number) => {
    options.signal?.throwIfAborted();
    onEvent?.({ kind: 'chain', block, head });
  };
  const kept = stateFile === undefined ? undefined : readState(stateFile, identity);
  let begun: Begun | undefined;
  await unless(findings, async () => {
    let chain: OwnChain | undefined;
    if (source !== undefined) {
      chain = OwnChain.of(source, verifier.name);
      await chain.advance(source, onBlock, kept?.target.chainHead?.number);
      requireSameChain(chain, kept?.target);
    } else if (records !== undefined) {
      chain = await chainOfRecords(options, verifier, findings);
    }
    const nowMs = (options.now ?? Date.now)();
    const target = kept?.target ?? await findTarget({ identity, log, verifier, records, source, chain, nowMs, onBlock }).catch((error: unknown) => {
      if (!isAtsError(error) || !INVALID_CHECKPOINT.has(error.code)) throw error;
      findings.add({ code: 'CHECKPOINT_INVALID', leaf: null, topic: null, partition: null, offset: null, detail: error.message });
      return undefined;
    });
    if (target !== undefined) begun = { target, progress: kept?.progress ?? null, chain };
  });
  return begun;
}

/** A note that is there and not the log's is a violation; one that does not come is not. */
const INVALID_CHECKPOINT: ReadonlySet<string> = new Set(['ATS_NOTE_MALFORMED', 'ATS_NOTE_UNVERIFIED', 'ATS_CHECKPOINT_FOREIGN', 'ATS_CHECKPOINT_MALFORMED']);

async function chainOfRecords({ records, deployment }: AuditOptions, { name }: NoteVerifier, findings: Findings): Promise<OwnChain | undefined> {
  try {
    return await OwnChain.fromRecords(records!, deployment, name);
  } catch (error) {
    if (!isAtsError(error, 'ATS_CHAIN_DIVERGED') && !isAtsError(error, 'ATS_CHAIN_WRONG')) throw error;
    findings.add({ code: 'CHAIN_EVENT', leaf: null, topic: 'chain-events', partition: 0, offset: null, detail: error.message });
    return undefined;
  }
}

function requireSameChain({ projection: { head } }: OwnChain, target: AuditTarget | undefined): void {
  if (target?.chainHead == null || head?.hash.equals(target.chainHead.hash) === true) return;
  throw new AtsError('ATS_CHAIN_DIVERGED', `block ${target.chainHead.number} is another one than when this audit was begun`);
}

/** Runs, and notes down what prevents it, if it is an error for people. @returns whether it came to its end */
async function unless(findings: Findings, run: () => Promise<void>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (!isAtsError(error)) throw error;
    findings.couldNotCheck(error.code, error.message);
    return false;
  }
}

