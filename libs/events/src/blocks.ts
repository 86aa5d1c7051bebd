import { EventCodec, type EventOf } from './codec.js';
import { SCHEMAS } from './generated.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

/** Ids on the wire are unsigned: no record can carry this one. */
const NO_IDS = Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, -1])) as Record<TopicName, number>;

/** Any id will do: it is set before decoding. */
const BLOCK_ID = 0;

const codec = EventCodec.fromIds(NO_IDS);
codec.addWriter('chain-events', BLOCK_ID, SCHEMAS['chain-events']);

/**
 * A record of chain-events, by our schema whatever id it names: the parameter set that could list ids comes from these very records. Every reader
 * of the topic uses this one, so that all see the same blocks.
 * @throws AtsError ATS_EVENT_MALFORMED: no block, passed over by every reader
 */
export function decodeBlock(value: Buffer | null): EventOf<'chain-events'> {
  if (value === null || value.length < 5) return codec.decode('chain-events', value);
  const framed = Buffer.from(value);
  framed.writeUInt32BE(BLOCK_ID, 1);
  return codec.decode('chain-events', framed);
}
