import registryClient from '@kafkajs/confluent-schema-registry';
import { AtsError } from '#libs/errors';
import { SCHEMAS } from './generated.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

const REQUEST_TIMEOUT_MS = 10_000;

/** Confluent's TopicNameStrategy for values. */
export function subjectOf(topic: TopicName): string {
  return `${topic}-value`;
}

/**
 * Registers the schema of every topic and returns their ids. Idempotent. BACKWARD is set on each subject before its first version, so that no
 * schema ever gets in unchecked (a registry's own default may be NONE).
 * @param registryUrl root of the Confluent API, such as http://127.0.0.1:17402/apis/ccompat/v7
 * @throws AtsError ATS_REGISTRY_UNREACHABLE, or ATS_SCHEMA_INCOMPATIBLE when an earlier version's records could no longer be read
 */
export async function registerSchemas(registryUrl: string): Promise<Record<TopicName, number>> {
  const ids = {} as Record<TopicName, number>;
  for (const topic of TOPIC_NAMES) ids[topic] = await registerSchema(registryUrl, topic, SCHEMAS[topic]);
  return ids;
}

/** Registers one schema as the newest of a topic; as {@link registerSchemas}. */
export async function registerSchema(registryUrl: string, topic: TopicName, schema: unknown): Promise<number> {
  const subject = subjectOf(topic);
  await requireBackward(registryUrl, subject);
  const client = new registryClient.SchemaRegistry({ host: registryUrl, clientId: 'attestream', retry: { retries: 0 } });
  try {
    const { id } = await client.register({ type: registryClient.SchemaType.AVRO, schema: JSON.stringify(schema) }, { subject });
    return id;
  } catch (error) {
    // 409: an earlier version's records would become unreadable; 422: it is no Avro schema.
    if ([409, 422].includes(Number((error as { status?: unknown }).status))) throw new AtsError('ATS_SCHEMA_INCOMPATIBLE', `${subject}: ${text(error)}`, { cause: error });
    throw unreachable(registryUrl, error);
  }
}

/**
 * The schema that the registry holds under an id, in its JSON form.
 * @param signal ends the request, with ATS_REGISTRY_UNREACHABLE
 * @throws AtsError ATS_EVENT_SCHEMA_UNKNOWN when it has none, ATS_REGISTRY_UNREACHABLE
 */
export async function fetchSchema(registryUrl: string, id: number, signal?: AbortSignal): Promise<unknown> {
  const response = await request(registryUrl, `/schemas/ids/${id}`, signal && { signal });
  if (response.status === 404) throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `the registry has no id ${id}`);
  const { schema } = (await readJson(registryUrl, response)) as { schema?: unknown };
  if (typeof schema !== 'string') throw unreachable(registryUrl, `it answered ${response.status} without a schema`);
  return parse(registryUrl, schema);
}

async function requireBackward(registryUrl: string, subject: string): Promise<void> {
  const path = `/config/${encodeURIComponent(subject)}`;
  const current = await request(registryUrl, path);
  if (current.status !== 404) {
    const { compatibilityLevel } = (await readJson(registryUrl, current)) as { compatibilityLevel?: unknown };
    if (compatibilityLevel === 'BACKWARD') return;
  }
  const body = JSON.stringify({ compatibility: 'BACKWARD' });
  await readJson(registryUrl, await request(registryUrl, path, { method: 'PUT', body, headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' } }));
}

async function request(registryUrl: string, path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(registryUrl.replace(/\/+$/, '') + path, { ...init, signal: AbortSignal.any([AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...(init.signal ? [init.signal] : [])]) });
  } catch (error) {
    throw unreachable(registryUrl, error);
  }
}

async function readJson(registryUrl: string, response: Response): Promise<unknown> {
  // The registry may go away in the middle of its answer.
  const body = await response.text().catch((error: unknown) => { throw unreachable(registryUrl, error); });
  if (!response.ok) throw unreachable(registryUrl, `it answered ${response.status} ${body.slice(0, 200)}`);
  return parse(registryUrl, body);
}

function parse(registryUrl: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw unreachable(registryUrl, error);
  }
}

function unreachable(registryUrl: string, cause: unknown): AtsError {
  return new AtsError('ATS_REGISTRY_UNREACHABLE', `${registryUrl}: ${text(cause)}`, { cause });
}

function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
