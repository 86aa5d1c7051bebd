/** Every code, with what it says happened and what to do about it. Grouped by the folder that raises it; keep each group sorted. */
export const ATS_CODES = {
  // config
  ATS_CONFIG_INVALID: { what: 'a configuration value is missing or wrong', todo: 'Set it as shown by --help.' },
  ATS_SECRET_EXPOSED: { what: 'a secret file can be read by others', todo: 'Run chmod 600 on it.' },
  // events
  ATS_EVENT_MALFORMED: { what: 'the bytes are not an event of this topic', todo: 'Encode it with the schema in schemas/.' },
  ATS_EVENT_SCHEMA_UNKNOWN: { what: 'the schema id is not one of this topic', todo: 'Register the schema first.' },
  ATS_FIELD_NOT_CANONICAL: { what: 'a field element is not below the field modulus', todo: 'Send the canonical 32 bytes.' },
  ATS_SCHEMA_INCOMPATIBLE: { what: 'the registry refused the schema', todo: 'Change it so that old records can still be read.' },
  // proofs
  ATS_CIRCUIT_MISSING: { what: 'the files of a circuit are not there', todo: 'Restore circuits/ or run make ceremony.' },
  ATS_PROOF_MALFORMED: { what: 'the bytes are not a proof', todo: 'Send A, B, C as 256 big-endian bytes.' },
  ATS_PROOF_FAILED: { what: 'no proof could be made', todo: 'Check the inputs against the statement.' },
  ATS_STATEMENT_UNSATISFIED: { what: 'the inputs do not satisfy the statement', todo: 'Check the named rule.' },
  // stream
  ATS_BROKER_UNREACHABLE: { what: 'no Kafka broker answers', todo: 'Start it or correct ATTESTREAM_KAFKA_BROKERS; retrying.' },
  ATS_CLIENT_UNKNOWN: { what: 'the installed kafkajs is not the one whose faults are repaired here', todo: 'Run npm ci, or review libs/stream/src/kafkajs.ts for the new version.' },
  ATS_CONSUMER_ENDED: { what: 'the Kafka consumer has ended', todo: 'Start the process again; it goes on from the last commit.' },
  ATS_LOG_UNREADABLE: { what: 'a log cannot be read as far as it must be', todo: 'Look for a hanging transaction or a lost log before anything is written.' },
  ATS_RECORD_TOO_LARGE: { what: 'the record is larger than its topic takes', todo: 'Send less in one event.' },
  ATS_TOPIC_MISMATCH: { what: 'a topic exists with other settings', todo: 'Make a new topic generation; partition counts never change.' },
  ATS_TOPIC_MISSING: { what: 'a topic does not exist', todo: 'Create the topics first.' },
  // registry
  ATS_REGISTRY_UNREACHABLE: { what: 'the schema registry does not answer', todo: 'Start it or correct ATTESTREAM_REGISTRY_URL; retrying.' },
  // chain
  ATS_CHAIN_DIVERGED: { what: 'a finalized block has changed', todo: 'Stop and find out which chain is right; nothing is written until then.' },
  ATS_CHAIN_EVENTS_BEHIND: { what: 'chain-events does not reach the time of a record', todo: 'Start chain-indexer and the chain node; waiting.' },
  ATS_CHAIN_RPC_INVALID: { what: 'the chain node answered something that is not Ethereum JSON-RPC', todo: 'Point ATTESTREAM_CHAIN_RPC_URL at an Ethereum node; retrying.' },
  ATS_CHAIN_RPC_REFUSED: { what: 'the chain node refused a request', todo: 'Use a node that serves finalized blocks and their logs; retrying.' },
  ATS_CHAIN_TRANSACTION_FAILED: { what: 'a transaction was refused, reverted or not mined', todo: 'Correct the named cause and send it again.' },
  ATS_CHAIN_UNREACHABLE: { what: 'the chain node does not answer', todo: 'Start it or correct ATTESTREAM_CHAIN_RPC_URL; retrying.' },
  ATS_CHAIN_WRONG: { what: 'the chain is not the one that was deployed to', todo: 'Point ATTESTREAM_CHAIN_RPC_URL at the chain of the deployment file.' },
  ATS_DEPLOYMENT_INVALID: { what: 'the deployment file cannot be used', todo: 'Deploy again or restore it.' },
  ATS_REGISTRATION_REFUSED: { what: 'the device cannot be registered', todo: 'Correct the named evidence.' },
  // verdict
  ATS_PARAMETERS_INVALID: { what: 'the parameter set cannot be used', todo: 'Publish a corrected version.' },
  // edge
  ATS_OUTBOX_CORRUPT: { what: 'the outbox has a record that cannot be read', todo: 'It was set aside; it may hold readings, so keep the named file private or delete it.' },
  ATS_OUTBOX_FULL: { what: 'the outbox has no room', todo: 'Bring the broker back or raise ATTESTREAM_OUTBOX_MAX_MIB; the sensor keeps its newest windows.' },
  ATS_SENSOR_ALREADY_SIGNED: { what: 'the sensor has signed another window for this stream and epoch', todo: 'Use the window it signed.' },
  ATS_SENSOR_GONE: { what: 'the sensor process has ended', todo: 'It is started again; see its log.' },
  ATS_SEALED_UNREADABLE: { what: 'the sealed payload cannot be opened', todo: 'Use the household key that it was sealed to.' },
  // archive, proofs of entries, erasure
  ATS_ARCHIVE_CHAIN_INVALID: { what: "the archive's chain proof does not hold", todo: 'Do not trust it; ask for another copy, or audit the running log.' },
  ATS_ARCHIVE_DAMAGED: { what: 'the archive is not as it was written', todo: 'Take another copy; sha256sum -c SHA256SUMS names every changed file.' },
  ATS_ARCHIVE_EXISTS: { what: 'the folder of the archive is there already', todo: 'Choose another; an archive is never written over.' },
  ATS_ARCHIVE_INVALID: { what: 'the folder is no archive', todo: 'Point at a folder that attestream archive has written.' },
  ATS_ARCHIVE_UNANCHORED: { what: 'the archive ends in another block than the one that was brought', todo: 'Compare its head with a source that you trust.' },
  ATS_EVENT_NOT_LOGGED: { what: 'the log has no entry for this event', todo: 'Name TOPIC/PARTITION/OFFSET of a source record, and wait until its entry is in the log.' },
  ATS_EVENT_UNPROVEN: { what: 'the proof does not hold', todo: 'Do not rely on the event.' },
  ATS_HOUSEHOLD_IN_USE: { what: "the household's agent runs", todo: 'Stop it first; a running agent has the keys in memory.' },
  ATS_HOUSEHOLD_UNKNOWN: { what: 'there is no such household', todo: 'Name one of the folders in households/.' },
  // icinga
  ATS_ICINGA_REFUSED: { what: 'Icinga2 refused a request', todo: 'Check the permissions of the ApiUser and the object names.' },
  ATS_ICINGA_UNREACHABLE: { what: 'Icinga2 does not answer', todo: 'Start it or correct ATTESTREAM_ICINGA_URL; retrying.' },
  // stack
  ATS_ALREADY_RUNNING: { what: 'another instance uses this data folder', todo: 'Stop it first, or set ATTESTREAM_HOME.' },
  ATS_PART_FAILED: { what: 'a part of the stack did not start', todo: 'Read its log.' },
  ATS_PORT_IN_USE: { what: 'a port is taken', todo: 'Free it or set ATTESTREAM_PORT_BASE.' },
  ATS_PREREQUISITE_MISSING: { what: 'a program is missing', todo: 'Run make doctor.' },
  ATS_STAGE_MISSING: { what: 'a stage of the main job did not come', todo: 'Read the logs of the named stage.' },
  // chain-anchor
  ATS_LOG_CLUSTER_FOREIGN: { what: 'the broker belongs to another Kafka cluster than the one the log was made from', todo: 'Point ATTESTREAM_KAFKA_BROKERS at the cluster of the log; nothing is signed until then.' },
  ATS_LOG_DIVERGED: { what: 'audit-log has other records than the log', todo: 'Nothing is signed. Find out which is right; if the topic is lost, follow docs/runbook-log.md.' },
  ATS_LOG_GAP: { what: 'audit-log lacks records that the log has', todo: 'Nothing is signed. Restore the topic, or follow docs/runbook-log.md.' },
  ATS_LOG_RECORD_FOREIGN: { what: 'audit-log has a record that is no audit entry', todo: 'Nothing is signed from there on. Find out who else than the gate may write to it.' },
  ATS_WITNESS_QUORUM_MISSING: { what: 'too few witnesses have cosigned a checkpoint', todo: 'Look at the named witnesses; they are asked again.' },
  ATS_INTERNAL: { what: 'an unexpected failure', todo: 'Please report it with the log.' },
} as const satisfies Record<string, { what: string; todo: string }>;

export type AtsCode = keyof typeof ATS_CODES;
