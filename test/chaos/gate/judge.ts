/**
 * The verdict over a run, a pure function of what was sent and of what the topics, the log, Icinga2 and the audit say at its end. It shares no code with the
 * gate: what a message must get, it knows from the one who made it, and of the rules it has one of its own, that a nullifier counts once.
 */
import { CompactTree, verifyConsistency } from '#libs/log';

/** A message, by its bytes: sent again, it is the same one. Hashes are hex. */
export interface Sent {
  readonly hash: string;
  /** What it must get while its nullifier is unused; afterwards it is NULLIFIER_SEEN, when it comes so far as that check. */
  readonly verdict: string;
  /** Household, stream and epoch whose nullifier it has. Absent when a check before the nullifier's refuses it. */
  readonly claim: { readonly host: string; readonly service: string; readonly epoch: number; readonly state: string } | undefined;
  /** How often the broker has acknowledged it. */
  readonly acknowledged: number;
}

export interface Place { readonly topic: string; readonly partition: number; readonly offset: number }
export interface SourceRecord extends Place { readonly hash: string }
export interface AuditRecord { readonly of: Place; readonly hash: string; readonly verdict: string; readonly leaf: string }
export interface VerifiedRecord { readonly of: Place; readonly hash: string; readonly host: string; readonly service: string; readonly epoch: number; readonly state: string }
export interface RejectedRecord { readonly of: Place; readonly reason: string; readonly duplicateOf: number | null }
export interface Head { readonly size: number; readonly root: string }

/** Everything in the order of its topic and partition. */
export interface Facts {
  readonly sent: readonly Sent[];
  readonly source: readonly SourceRecord[];
  readonly audit: readonly AuditRecord[];
  readonly verified: readonly VerifiedRecord[];
  readonly rejected: readonly RejectedRecord[];
  /** The parts that a run without log, Icinga2 or audit leaves out are not judged. */
  readonly icinga?: readonly { readonly host: string; readonly service: string; readonly state: string; readonly epoch: number | null }[];
  readonly log?: {
    /** Hashes of the entries that the published log serves. */
    readonly leaves: readonly string[];
    readonly published: Head;
    /** Every head that was ever signed, published or not, and every one on the chain, with the proof that the log's tiles give from it to the published one. */
    readonly checkpoints: readonly (Head & { readonly proof: readonly string[] })[];
  };
  readonly audited?: { readonly ok: boolean; readonly entries: number; readonly detail: string };
}

export interface Judgement {
  /** Messages with exactly one outcome: a verified event or a rejection. */
  readonly verdicts: number;
  /** Audit entries of messages, and of blocks. */
  readonly auditEntries: number;
  readonly recorded: number;
  readonly verifiedEvents: number;
  /** Acknowledged and not in the log of the broker, or there without entry or outcome. */
  readonly missing: string[];
  /** A second entry or outcome of one record. */
  readonly duplicated: string[];
  /** Committed entries that the log does not have in their place, and leaves without an entry. */
  readonly unlogged: string[];
  /** An entry after one of a later record of its partition; an event after one of a later record or epoch of its key. */
  readonly outOfOrder: string[];
  readonly icingaMismatch: string[];
  /** Another verdict, outcome or content than the message had to get, and what is about nothing that was sent. */
  readonly wrong: string[];
  readonly checkpoints: { readonly signed: number; readonly inconsistent: number };
  readonly audit: { readonly ok: boolean; readonly entries: number } | null;
}

const TOPIC = 'telemetry';
const LISTS = ['missing', 'duplicated', 'unlogged', 'outOfOrder', 'icingaMismatch', 'wrong'] as const;

export function clean(judgement: Judgement): boolean {
  return LISTS.every((list) => judgement[list].length === 0) && judgement.checkpoints.inconsistent === 0 && judgement.audit?.ok !== false;
}

export function judge(facts: Facts): Judgement {
  const found: Record<(typeof LISTS)[number], string[]> = { missing: [], duplicated: [], unlogged: [], outOfOrder: [], icingaMismatch: [], wrong: [] };
  const wanted = whatMustBe(facts, found);
  const entries = oneEach(facts.audit, 'audit entry', wanted, found);
  const verified = oneEach(facts.verified, 'verified event', wanted, found);
  const rejected = oneEach(facts.rejected, 'rejection', wanted, found);
  let verdicts = 0;
  for (const [place, want] of wanted) {
    compare(place, want, { entry: entries.get(place), verified: verified.get(place), rejected: rejected.get(place) }, found);
    if (want.topic === TOPIC && verified.has(place) !== rejected.has(place)) verdicts++;
  }
  found.outOfOrder.push(...entriesOutOfOrder(facts.audit), ...eventsOutOfOrder(facts.verified));
  if (facts.icinga) compareIcinga(wanted, facts.icinga, found.icingaMismatch);
  if (facts.log) compareLog(facts.audit, facts.log, found.unlogged);
  return {
    verdicts, auditEntries: facts.audit.filter(({ of }) => of.topic === TOPIC).length, recorded: facts.audit.filter(({ of }) => of.topic !== TOPIC).length,
    verifiedEvents: facts.verified.length, ...found,
    checkpoints: { signed: facts.log?.checkpoints.length ?? 0, inconsistent: facts.log ? inconsistent(facts.audit, facts.log) : 0 },
    audit: facts.audited ? { ok: facts.audited.ok, entries: facts.audited.entries } : null,
  };
}

/** What a source record must come to. */
interface Wanted extends SourceRecord {
  verdict: string;
  claim: Sent['claim'];
  /** Of a resend: the offset of the record that was verified. */
  duplicateOf: number | null;
}

function whatMustBe({ sent, source }: Facts, found: Pick<Judgement, 'missing' | 'wrong'>): Map<string, Wanted> {
  const messages = new Map(sent.map((message) => [message.hash, message]));
  const wanted = new Map<string, Wanted>();
  const arrived = new Map<string, number>();
  const used = new Map<string, SourceRecord>();
  for (const record of source) {
    const place = nameOf(record);
    if (record.topic !== TOPIC) {
      wanted.set(place, { ...record, verdict: 'RECORDED', claim: undefined, duplicateOf: null });
      continue;
    }
    const message = messages.get(record.hash);
    if (!message) {
      found.wrong.push(`${place} is no message that was sent`);
      continue;
    }
    arrived.set(record.hash, (arrived.get(record.hash) ?? 0) + 1);
    const { claim } = message;
    const key = claim && `${record.partition} ${claim.host} ${claim.service} ${claim.epoch}`;
    const first = key === undefined ? undefined : used.get(key);
    const verdict = first ? 'NULLIFIER_SEEN' : message.verdict;
    if (verdict === 'VERIFIED' && key !== undefined) used.set(key, record);
    wanted.set(place, { ...record, verdict, claim, duplicateOf: first?.hash === record.hash ? first.offset : null });
  }
  for (const { hash, acknowledged, verdict } of sent) {
    const came = arrived.get(hash) ?? 0;
    if (came < acknowledged) found.missing.push(`${verdict} message ${hash.slice(0, 16)}: acknowledged ${acknowledged} times, there ${came} times`);
  }
  return wanted;
}

/** Outcomes by the record that they are about. */
function oneEach<T extends { readonly of: Place }>(outcomes: readonly T[], what: string, wanted: ReadonlyMap<string, Wanted>, found: Pick<Judgement, 'duplicated' | 'wrong'>): Map<string, T> {
  const first = new Map<string, T>();
  for (const outcome of outcomes) {
    const place = nameOf(outcome.of);
    if (!wanted.has(place)) found.wrong.push(`${what} of ${place}, which is nothing that was sent`);
    else if (first.has(place)) found.duplicated.push(`${what} of ${place}`);
    else first.set(place, outcome);
  }
  return first;
}

interface Outcomes { entry: AuditRecord | undefined; verified: VerifiedRecord | undefined; rejected: RejectedRecord | undefined }

function compare(place: string, want: Wanted, { entry, verified, rejected }: Outcomes, found: Pick<Judgement, 'missing' | 'wrong'>): void {
  if (!entry) found.missing.push(`audit entry of ${place}`);
  else if (entry.verdict !== want.verdict) found.wrong.push(`${place} is ${entry.verdict}, not ${want.verdict}`);
  else if (entry.hash !== want.hash) found.wrong.push(`audit entry of ${place} has another hash than the record`);
  const isVerified = want.verdict === 'VERIFIED';
  const isRejected = !isVerified && want.verdict !== 'RECORDED';
  if (isVerified && !verified) found.missing.push(`verified event of ${place}`);
  if (!isVerified && verified) found.wrong.push(`${place} must be ${want.verdict} and has a verified event`);
  if (isRejected && !rejected) found.missing.push(`rejection of ${place}`);
  if (!isRejected && rejected) found.wrong.push(`${place} must be ${want.verdict} and has a rejection`);
  if (verified && want.claim && !sameEvent(verified, want)) found.wrong.push(`verified event of ${place} says something else than its message`);
  if (rejected && isRejected && (rejected.reason !== want.verdict || rejected.duplicateOf !== want.duplicateOf)) {
    found.wrong.push(`${place} is rejected as ${rejected.reason} of ${rejected.duplicateOf}, not ${want.verdict} of ${want.duplicateOf}`);
  }
}

function sameEvent(event: VerifiedRecord, { hash, claim }: Wanted): boolean {
  return event.hash === hash && event.host === claim!.host && event.service === claim!.service && event.epoch === claim!.epoch && event.state === claim!.state;
}

function entriesOutOfOrder(audit: readonly AuditRecord[]): string[] {
  const last = new Map<string, number>();
  return audit.flatMap(({ of }) => {
    const partition = `${of.topic}/${of.partition}`;
    const before = last.get(partition) ?? -1;
    last.set(partition, Math.max(before, of.offset));
    return of.offset < before ? [`audit entry of ${nameOf(of)} after that of ${before}`] : [];
  });
}

/** Within a key nothing overtakes: neither source records nor the epochs of a stream, in which order they were sent. */
function eventsOutOfOrder(verified: readonly VerifiedRecord[]): string[] {
  const offsets = new Map<string, number>();
  const epochs = new Map<string, number>();
  return verified.flatMap(({ of, host, service, epoch }) => {
    const stream = `${host}!${service}`;
    const wrong = of.offset < (offsets.get(host) ?? -1) || epoch < (epochs.get(stream) ?? -1);
    offsets.set(host, Math.max(of.offset, offsets.get(host) ?? -1));
    epochs.set(stream, Math.max(epoch, epochs.get(stream) ?? -1));
    return wrong ? [`verified event of ${nameOf(of)}, epoch ${epoch} of ${stream.slice(0, 16)}`] : [];
  });
}

/** Icinga2 has a service for each stream that was verified, and no other; each shows the state of its newest window. */
function compareIcinga(wanted: ReadonlyMap<string, Wanted>, icinga: NonNullable<Facts['icinga']>, mismatch: string[]): void {
  const newest = new Map<string, NonNullable<Sent['claim']>>();
  for (const { verdict, claim } of wanted.values()) {
    if (verdict !== 'VERIFIED' || !claim) continue;
    const name = `${claim.host}!${claim.service}`;
    if ((newest.get(name)?.epoch ?? -1) < claim.epoch) newest.set(name, claim);
  }
  for (const { host, service, state, epoch } of icinga) {
    const want = newest.get(`${host}!${service}`);
    newest.delete(`${host}!${service}`);
    if (!want) mismatch.push(`${host}!${service} was never verified`);
    else if (state !== want.state || epoch !== want.epoch) mismatch.push(`${host}!${service} shows ${state} of epoch ${epoch}, not ${want.state} of ${want.epoch}`);
  }
  for (const name of newest.keys()) mismatch.push(`${name} is not there`);
}

function compareLog(audit: readonly AuditRecord[], { leaves }: NonNullable<Facts['log']>, unlogged: string[]): void {
  for (const [i, { of, leaf }] of audit.entries()) if (leaves[i] !== leaf) unlogged.push(`entry of ${nameOf(of)}, which is leaf ${i}`);
  for (let i = audit.length; i < leaves.length; i++) unlogged.push(`leaf ${i}, which is no committed entry`);
}

/** Twice: by the proof that the log itself gives, and by the root of the committed entries. */
function inconsistent(audit: readonly AuditRecord[], { published, checkpoints }: NonNullable<Facts['log']>): number {
  const tree = new CompactTree();
  const bytes = (hash: string) => Buffer.from(hash, 'hex');
  return checkpoints.toSorted((a, b) => a.size - b.size).filter(({ size, root, proof }) => {
    while (tree.size < Math.min(size, audit.length)) tree.append(bytes(audit[tree.size]!.leaf));
    const holds = tree.size === size && tree.root().equals(bytes(root))
      && verifyConsistency({ from: size, fromRoot: bytes(root), to: published.size, toRoot: bytes(published.root), proof: proof.map(bytes) });
    return !holds;
  }).length;
}

function nameOf({ topic, partition, offset }: Place): string {
  return `${topic}/${partition}/${offset}`;
}
