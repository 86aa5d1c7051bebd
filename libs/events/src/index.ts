/** The events themselves: topics, their types, bytes, hashes and headers, and the schema registry. Reading and writing Kafka belongs to stream. */
export { EventCodec, fingerprintOf, schemaFingerprint, wireSchemaId, type EventOf } from './codec.js';
export { EventReader, type ListedSchemas, type SchemaSource } from './event-reader.js';
export { FIELD_BYTES, FIELD_MODULUS, fieldFromBytes, fieldFromText, fieldToBytes, isFieldBytes } from './field.js';
export * from './generated.js';
export { MESSAGE_HASH_HEADERS, PROOF_BYTES, messageHash, murmur2, partitionOf, recordHash } from './hash.js';
export { CONTENT_TYPE, cloudEventHeaders, newTraceparent, type CloudEventAttributes } from './headers.js';
export type { KafkaRecord, OutgoingRecord, RecordHeaders } from './record.js';
export { fetchSchema, registerSchema, registerSchemas, subjectOf } from './registry.js';
export { LONG_LIMIT } from './scan.js';
export { TOPIC_NAMES, TOPICS, isTopicName, type TopicDefinition, type TopicName } from './topics.js';
export { decodeBlock } from './blocks.js';
