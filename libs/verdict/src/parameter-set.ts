import { z } from 'zod';
import { AtsError } from '#libs/errors';

/** Topics whose events carry a statement and its proof. */
export const STATEMENT_TOPICS = ['telemetry', 'bci-intent'] as const;
export type StatementTopic = (typeof STATEMENT_TOPICS)[number];

/** Stream and family ids: short enough for one field element, safe as names of Icinga2 objects. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,30}$/;

/**
 * Bounds that keep the epoch floor sound (see state.ts): a version that makes epochs longer can then never bring an already forgotten epoch
 * number back into the window; it makes every record stale instead, which shows at once.
 */
export const MAX_EPOCH_SECONDS = 900;
export const MAX_ACCEPT_SECONDS = 7 * 86_400;

const id = z.string().regex(ID_PATTERN);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const topic = z.enum(STATEMENT_TOPICS);
const seconds = (from: number, to: number) => z.int().min(from).max(to);
const reading = z.int().min(0).max(0xffff_ffff);
/** How many of the 16 readings; 0 holds always, more than 16 never. The circuit takes numbers below 32. */
const count = z.int().min(0).max(31);

const statement = z.strictObject({
  topic,
  /** The leaf's kind: 1 telemetry, 2 intent. */
  kind: z.int().min(1).max(2),
  circuit: id,
  /** SHA-256 of the committed verification key file. */
  verificationKey: sha256,
  epochSeconds: seconds(1, MAX_EPOCH_SECONDS),
  /** How long after its window's end an event is taken, and so how long nullifiers are kept. */
  acceptSeconds: seconds(1, MAX_ACCEPT_SECONDS),
  /** How long after its window's end a verified event is acted on; later ones are `late`. */
  actSeconds: seconds(0, MAX_ACCEPT_SECONDS),
});

/** Bounds of the readings of one stream, in its fixed-point unit. Policies of intents join this as a second branch. */
const telemetryPolicy = z.strictObject({
  topic: z.literal('telemetry'),
  family: id,
  stream: id,
  unit: z.string().min(1).max(32),
  warnLo: reading,
  warnHi: reading,
  critLo: reading,
  critHi: reading,
  kWarn: count,
  kCrit: count,
});

const parameterSet = z.strictObject({
  schema: z.literal('attestream/parameter-set/1'),
  version: z.int().min(1),
  partitions: z.strictObject({ telemetry: z.int().min(1).max(1024), 'bci-intent': z.int().min(1).max(1024) }),
  schemas: z.array(z.strictObject({ topic, id: z.int().min(0).max(0x7fff_ffff), fingerprint: sha256 })),
  statements: z.array(statement),
  policies: z.array(telemetryPolicy),
  revokedRootGraceSeconds: seconds(0, 86_400),
}).superRefine((set, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  unique(set.schemas, (row) => `${row.topic} ${row.id}`, (key) => refuse(`schema ${key} is listed twice`));
  unique(set.statements, (row) => `${row.topic} ${row.circuit}`, (key) => refuse(`statement ${key} is listed twice`));
  unique(set.policies, (row) => `${row.topic} ${row.family} ${row.stream}`, (key) => refuse(`policy ${key} is listed twice`));
  for (const row of set.statements) {
    if (row.actSeconds > row.acceptSeconds) refuse(`${row.topic} ${row.circuit}: actSeconds is above acceptSeconds`);
    const first = set.statements.find((other) => other.topic === row.topic)!;
    // One topic has one nullifier space and one window, whatever circuits prove into it.
    if (first.kind !== row.kind || first.epochSeconds !== row.epochSeconds || first.acceptSeconds !== row.acceptSeconds) {
      refuse(`${row.topic}: its statements differ in kind, epochSeconds or acceptSeconds`);
    }
  }
  for (const row of set.policies) {
    if (row.warnLo > row.warnHi || row.critLo > row.critHi) refuse(`policy ${row.family} ${row.stream}: a lower bound is above its upper bound`);
  }
});

/** Everything that configures a verdict: one versioned document, whose hash PolicyRegistry puts on chain. */
export type ParameterSet = z.infer<typeof parameterSet>;
export type StatementParameters = ParameterSet['statements'][number];
export type Policy = ParameterSet['policies'][number];

/**
 * Reads a published document. Only the canonical bytes are taken, so that every implementation reads the same set from them.
 * @throws AtsError ATS_PARAMETERS_INVALID
 */
export function parseParameterSet(document: Uint8Array): ParameterSet {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document));
  } catch (cause) {
    throw new AtsError('ATS_PARAMETERS_INVALID', 'it is not JSON in UTF-8', { cause });
  }
  const result = parameterSet.safeParse(json);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw new AtsError('ATS_PARAMETERS_INVALID', [...(path.length > 0 ? [path.join('.')] : []), message].join(': '));
  }
  if (!serializeParameterSet(result.data).equals(document)) {
    throw new AtsError('ATS_PARAMETERS_INVALID', 'its bytes are not canonical', { todo: 'Publish what serializeParameterSet returns.' });
  }
  return result.data;
}

/** The canonical bytes of a set: JSON by RFC 8785 (sorted members, no white space). Its keccak256 is what the chain holds. */
export function serializeParameterSet(set: ParameterSet): Buffer {
  return Buffer.from(JSON.stringify(sorted(set)), 'utf8');
}

/** Members sorted by name; with integers and strings without lone surrogates, JSON.stringify then writes what RFC 8785 asks for. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]));
}

function unique<T>(rows: readonly T[], keyOf: (row: T) => string, twice: (key: string) => void): void {
  const keys = new Set<string>();
  for (const key of rows.map(keyOf)) {
    if (keys.has(key)) twice(key);
    keys.add(key);
  }
}
