/** What a household's edge is made of: keys, signed windows, and one telemetry event built, sealed and proven. Processes, files of a queue and Kafka belong to apps/edge-agent. */
export { createHousehold, loadHousehold, loadSealingPrivateKey, type Household } from './household.js';
export { openReadings, type OpenedReadings } from './sealed-readings.js';
export { createSensor, enrolSensor, loadSensor, telemetryLeaf, type SensorEnrolment } from './sensor-folder.js';
export { STREAMS, type StreamId, type StreamInfo } from './streams.js';
export { buildTelemetryEvent, proofOf, withProof, type StreamPolicy, type TelemetryEvent, type TelemetryEventParameters } from './telemetry-event.js';
export { isSignedWindow, MAX_READING, signWindow, windowDigest, windowEnd, windowFromJson, windowToJson, type SignedWindow } from './window.js';
