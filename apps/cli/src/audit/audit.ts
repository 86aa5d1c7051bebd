import { audit as replay, htmlReport, joinArchives, jsonOfError, jsonReport, openArchive, textReport, type Archive, type AuditEvent, type AuditOptions, type AuditReport, type ReportContext } from '#libs/audit';
import { FinalizedChain, JsonRpc, type Deployment } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { EventReader } from '#libs/events';
import { SOURCE_TOPICS, type SourceTopic } from '#libs/verdict';
import type { Layout } from '../layout.js';
import { reportHeader } from '../once/report.js';
import type { Say } from '../say.js';
import { writeJson } from '../write-json.js';
import { parseBlockHash, parseLeaf } from './block-hash.js';
import { deploymentOf, ownWords } from './brought.js';
import { readArguments, valueOf, type Given } from './flags.js';
import { openKafka } from './kafka.js';
import { EXIT } from './outcome.js';
import { answers, CIRCUITS_FLAG, KAFKA_FLAGS, PLACE_FLAGS, Places } from './places.js';
import { Progress } from './progress.js';
import { verifierNamed, VERIFIERS } from './verifiers.js';
import { writeText } from './write-text.js';

export const auditCommand = {
  usage: 'audit',
  summary: 'Replays the log and recomputes everything: entries, verdicts, proofs, the tree, its anchors.\nExits 0 when it holds, 1 when it does not, 2 when something could not be checked.',
  flags: {
    from: { value: 'N', help: 'the first entry whose verdict is recomputed (default: 0)' },
    to: { value: 'N', help: 'the entry behind the last (default: all)' },
    topic: { value: 'TOPIC', help: `one source topic alone: ${SOURCE_TOPICS.join(', ')}` },
    verifier: { value: 'NAME', help: `which implementation verifies proofs: ${Object.keys(VERIFIERS).join(', ')} (default: ${Object.keys(VERIFIERS)[0]})` },
    offline: { help: 'ask no Ethereum node: anchors and the registry are then not checked' },
    archive: { value: 'DIR,...', help: 'audit an archive, without any service; several that continue each other are named in order. Bring --block-hash, --deployment and --vkey: nothing else makes them more than its own word' },
    'block-hash': { value: 'HASH', help: 'with --archive: hash of its last block, from a source that you trust' },
    json: { value: 'FILE', help: "the report for programs (default: audit.json in make run's folder)" },
    html: { value: 'FILE', help: 'the report for people, one file' },
    resume: { value: 'FILE', help: 'keep the state here, and go on from it after a stop' },
    ...PLACE_FLAGS, ...KAFKA_FLAGS, ...CIRCUITS_FLAG,
  },
} as const;

type AuditFlags = Given<typeof auditCommand.flags>;

/** What an audit reads, and how a person would say so. */
interface Sources extends Pick<AuditOptions, 'deployment' | 'vkey' | 'log' | 'events'>, Partial<Pick<AuditOptions, 'records' | 'chain' | 'circuitsFolder' | 'to'>> {
  places: ReportContext['sources'];
  chainIsOwn: boolean;
  /** What is known from the start not to be checkable. */
  unchecked: AuditReport['unchecked'];
  close(): Promise<void>;
}

export async function audit(args: readonly string[], layout: Layout, say: Say, signal: AbortSignal): Promise<number> {
  const json = valueOf(args, 'json') ?? layout.auditFile;
  const { commit, dirty, machine } = reportHeader('', new Date(), []);
  const context: ReportContext = { startedAt: new Date(), commit, dirty, machine, sources: { records: 'none', log: 'none', chain: 'none' }, deployment: null, chainIsOwn: false };
  const progress = new Progress();
  let given: AuditFlags = {};
  let sources: Sources | undefined;
  try {
    given = readArguments(auditCommand, args, { least: 0, most: 0 }).given;
    const verifier = verifierNamed(given.verifier);
    const topic = topicNamed(given.topic);
    const [from, to] = [parseLeaf('from', given.from), parseLeaf('to', given.to)];
    sources = await (given.archive === undefined ? running(given, layout) : archived(given, layout, progress));
    Object.assign(context, { sources: sources.places, deployment: sources.deployment, chainIsOwn: sources.chainIsOwn });
    const { places: _places, chainIsOwn: _own, unchecked, close: _close, ...options } = sources;
    const replayed = await replay({
      ...options, ...(given.circuits !== undefined && { circuitsFolder: given.circuits }), ...(topic !== undefined && { topic }), ...(from !== undefined && { from }), ...(to !== undefined && { to: Math.min(to, options.to ?? to) }),
      ...(given.resume !== undefined && { stateFile: given.resume }), verifier, signal, onEvent: (event) => tell(event, sources!.deployment, progress),
    });
    const report = withUnchecked(replayed, unchecked);
    progress.end();
    writeJson(json, jsonReport(report, context));
    if (given.html !== undefined) writeText(given.html, htmlReport(report, context));
    say(textReport(report, context).trimEnd());
    return EXIT[report.outcome];
  } catch (error) {
    progress.end();
    const known = signal.aborted ? stopped(given) : isAtsError(error) ? error : new AtsError('ATS_INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), { cause: error });
    writeJson(json, jsonOfError(known, context));
    throw known;
  } finally {
    await sources?.close();
  }
}

function stopped({ resume }: AuditFlags): AtsError {
  return new AtsError('ATS_STAGE_MISSING', 'the audit was stopped before its end', { todo: resume === undefined ? 'With --resume FILE it can go on where it was.' : 'The same command goes on where it was.' });
}

function withUnchecked(report: AuditReport, more: AuditReport['unchecked']): AuditReport {
  if (more.length === 0) return report;
  return { ...report, ok: false, outcome: report.outcome === 'violated' ? 'violated' : 'unchecked', unchecked: [...report.unchecked, ...more] };
}

/** A running system, or the folders that a stopped one has left. What was not named may be away: then it is not checked. */
async function running(given: AuditFlags, layout: Layout): Promise<Sources> {
  if (given['block-hash'] !== undefined) throw new AtsError('ATS_CONFIG_INVALID', '--block-hash is for --archive', { todo: 'Name a node with --rpc instead.' });
  const places = new Places(layout, given);
  const { brokers, rpc, registry } = places;
  const vkey = places.vkey();
  const deployment = places.deployment();
  const { source: log, place } = await places.log();
  const kafka = brokers !== undefined && (brokers.named || await answers(brokers.at)) ? openKafka(brokers.at) : undefined;
  const chain = given.offline || rpc === undefined || !(rpc.named || await answers(new URL(rpc.at).host)) ? undefined : new FinalizedChain(rpc.at, deployment, 'all');
  const away = (what: string, at: string | undefined) => (at === undefined ? `none: no ${what} is known` : `none: no ${what} answers at ${at}`);
  return {
    vkey, deployment, log, unchecked: [],
    ...(kafka && { records: kafka.records }), ...(chain && { chain }),
    events: new EventReader(registry?.at ?? noSchemas),
    places: {
      records: kafka ? `Kafka at ${brokers!.at}` : away('broker', brokers?.at),
      log: place,
      chain: chain ? new JsonRpc(rpc!.at).endpoint : given.offline ? 'none: --offline' : away('Ethereum node', rpc && new JsonRpc(rpc.at).endpoint),
    },
    chainIsOwn: rpc?.named === true,
    close: async () => await kafka?.close(),
  };
}

async function archived(given: AuditFlags, layout: Layout, progress: Progress): Promise<Sources> {
  const dirs = given.archive!.split(',');
  const blockHash = parseBlockHash(given['block-hash']);
  const archives: Archive[] = [];
  for (const [i, dir] of dirs.entries()) {
    archives.push(await openArchive(dir, { blockHash: i === dirs.length - 1 ? blockHash : undefined, onProgress: (done, total) => progress.show('files', done, total) }));
  }
  const last = archives.at(-1)!;
  const { manifest } = last;
  const { records, range } = joinArchives(archives);
  const deployment = deploymentOf(last, given, layout);
  return {
    vkey: given.vkey === undefined ? last.vkey : new Places(layout, given).vkey(), deployment, log: last.log, records,
    ...(!given.offline && { chain: last.chain }), events: new EventReader(last.schemas), circuitsFolder: last.circuitsFolder,
    ...(range.to < manifest.log.size && { to: range.to }),
    unchecked: ownWords(last, given, given.offline === true),
    places: { records: `archive ${dirs.join(', ')}`, log: `archive ${dirs.at(-1)}`, chain: `archive ${dirs.at(-1)}, up to block ${manifest.head.number} ${manifest.head.hash}` },
    chainIsOwn: blockHash !== undefined && given.deployment !== undefined,
    close: async () => { await records.close(); },
  };
}

async function noSchemas(id: number): Promise<never> {
  throw new AtsError('ATS_REGISTRY_UNREACHABLE', `no registry is known to ask for schema ${id}`, { todo: 'Name one with --registry.' });
}

function topicNamed(text: string | undefined): SourceTopic | undefined {
  if (text === undefined || (SOURCE_TOPICS as readonly string[]).includes(text)) return text as SourceTopic | undefined;
  throw new AtsError('ATS_CONFIG_INVALID', `${JSON.stringify(text)} is no source topic`, { todo: `One of ${SOURCE_TOPICS.join(', ')}.` });
}

function tell(event: AuditEvent, { firstBlock }: Deployment, progress: Progress): void {
  if (event.kind === 'chain') progress.show('chain', event.block - firstBlock + 1, event.head - firstBlock + 1);
  else if (event.kind === 'progress') progress.show('entries', event.leaf, event.size);
}
