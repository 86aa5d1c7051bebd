import avro from 'avsc';
import { AtsError } from '#libs/errors';
import { SCHEMAS, type EventByTopic } from './generated.js';
import { Projection } from './projection.js';
import { compileScanner, Unreadable, type AvroSchema, type Scanner } from './scan.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

export type EventOf<T extends TopicName> = EventByTopic[T];

/** Confluent wire format: magic byte 0, schema id as 4 big-endian bytes, Avro. */
const WIRE_HEADER_BYTES = 5;

interface Writer {
  readonly scan: Scanner;
  /** Absent when the writer's schema is the reader's. */
  readonly resolver?: ReturnType<avro.Type['createResolver']>;
}

interface TopicCodec {
  readonly id: number;
  readonly type: avro.Type;
  readonly writers: Map<number, Writer>;
}

/**
 * Encodes and decodes the value of every topic. Pure: what it accepts depends on the bytes, the registered ids and nothing else, and every
 * accepted byte string is the only one of its event. Knows no registry: {@link registerSchemas} gives the ids.
 */
export class EventCodec {
  private readonly topics: ReadonlyMap<string, TopicCodec>;

  private constructor(ids: Readonly<Record<TopicName, number>>) {
    this.topics = new Map(TOPIC_NAMES.map((topic) => [topic, openTopic(topic, ids[topic])]));
  }

  /** @param ids the registry's id of each topic's schema in schemas/ */
  static fromIds(ids: Readonly<Record<TopicName, number>>): EventCodec {
    return new EventCodec(ids);
  }

  /** The id under which a topic's events are written. */
  idOf(topic: TopicName): number {
    return this.codecOf(topic).id;
  }

  /**
   * Also reads a topic's records that were written with an older schema of it.
   * @throws AtsError ATS_SCHEMA_INCOMPATIBLE when today's schema can't read what that one wrote
   */
  addWriter(topic: TopicName, id: number, schema: unknown): void {
    const codec = this.codecOf(topic);
    if (id === codec.id) return;
    try {
      const resolver = codec.type.createResolver(parseType(schema));
      codec.writers.set(id, { scan: compileScanner(schema as AvroSchema), resolver });
    } catch (error) {
      throw new AtsError('ATS_SCHEMA_INCOMPATIBLE', `${topic}, id ${id}: ${reason(error)}`, { cause: error });
    }
  }

  /** @throws AtsError ATS_EVENT_MALFORMED naming the field that is not of its type */
  encode<T extends TopicName>(topic: T, event: EventOf<T>): Buffer {
    const { id, type, writers } = this.codecOf(topic);
    const faults: string[] = [];
    type.isValid(event, { errorHook: (path, value) => faults.push(`${path.join('.') || 'event'} is ${shorten(value)}`) });
    if (faults.length > 0) throw new AtsError('ATS_EVENT_MALFORMED', `${topic}: ${faults.join(', ')}`);
    const body = type.toBuffer(event);
    check(topic, writers.get(id)!.scan, body);
    const header = Buffer.alloc(WIRE_HEADER_BYTES);
    header.writeUInt32BE(id, 1);
    return Buffer.concat([header, body]);
  }

  /**
   * The event in the bytes. Buffers inside it are copies.
   * @throws AtsError ATS_EVENT_MALFORMED, or ATS_EVENT_SCHEMA_UNKNOWN when the id is none of the topic's
   */
  decode<T extends TopicName>(topic: T, value: Uint8Array | null): EventOf<T> {
    const id = wireSchemaId(value);
    const { type, writers } = this.codecOf(topic);
    const writer = writers.get(id);
    if (writer === undefined) throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `id ${id} on ${topic}`);
    const body = Buffer.from(value!.buffer, value!.byteOffset + WIRE_HEADER_BYTES, value!.byteLength - WIRE_HEADER_BYTES);
    check(topic, writer.scan, body);
    return type.fromBuffer(body, writer.resolver) as EventOf<T>;
  }

  /**
   * A reader of some fields of a topic's values, for whoever reads millions: it returns where or what they are ({@link Projection.found}), or null when the value
   * is of another schema than today's, which {@link decode} may know. What it takes, `decode` takes.
   * @throws AtsError ATS_EVENT_MALFORMED as decode does
   */
  projection(topic: TopicName, wanted: readonly string[]): (bytes: Buffer, start: number, end: number) => readonly number[] | null {
    const { id } = this.codecOf(topic);
    const projection = new Projection(SCHEMAS[topic], wanted);
    return (bytes, start, end) => {
      if (end - start < WIRE_HEADER_BYTES || bytes[start] !== 0) wireSchemaId(bytes.subarray(start, end));
      if (bytes.readUInt32BE(start + 1) !== id) return null;
      try {
        projection.read(bytes, start + WIRE_HEADER_BYTES, end);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        throw new AtsError('ATS_EVENT_MALFORMED', `${topic}: ${error.message}`, { cause: error });
      }
      return projection.found;
    };
  }

  private codecOf(topic: TopicName): TopicCodec {
    const codec = this.topics.get(topic);
    if (codec === undefined) throw new RangeError(`${topic} is not a topic of schemas/`);
    return codec;
  }
}

/**
 * The schema id in front of a value.
 * @throws AtsError ATS_EVENT_MALFORMED when there is no value, it is shorter than the wire header, or the magic byte is not 0
 */
export function wireSchemaId(value: Uint8Array | null): number {
  if (value === null || value.length < WIRE_HEADER_BYTES) throw new AtsError('ATS_EVENT_MALFORMED', value === null ? 'no value' : `${value.length} bytes`);
  if (value[0] !== 0) throw new AtsError('ATS_EVENT_MALFORMED', `magic byte ${value[0]}, 0 expected`);
  return new DataView(value.buffer, value.byteOffset).getUint32(1);
}

/** Hex SHA-256 of the Avro parsing canonical form: equal for two schemas that differ in documentation alone. */
export function schemaFingerprint(topic: TopicName): string {
  return fingerprintOf(SCHEMAS[topic]);
}

/** As {@link schemaFingerprint}, of a schema in its JSON form, such as one from the registry. */
export function fingerprintOf(schema: unknown): string {
  return parseType(schema).fingerprint('sha256').toString('hex');
}

function openTopic(topic: TopicName, id: number): TopicCodec {
  const schema: AvroSchema = SCHEMAS[topic];
  return { id, type: parseType(schema), writers: new Map([[id, { scan: compileScanner(schema) }]]) };
}

/** avsc's type of a schema. Its own copy, since avsc writes into what it parses. */
function parseType(schema: unknown): avro.Type {
  return avro.Type.forSchema(structuredClone(schema) as avro.Schema, { wrapUnions: 'never', omitRecordMethods: true });
}

function check(topic: TopicName, scan: Scanner, body: Buffer): void {
  try {
    const end = scan(body, 0);
    if (end < body.length) throw new Unreadable(`${body.length - end} bytes after the event`);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new AtsError('ATS_EVENT_MALFORMED', `${topic}: ${error.message}`, { cause: error });
  }
}

function shorten(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
