import { AtsError } from '#libs/errors';
import { isTopicName } from '#libs/events';

/** A source record's place. */
export interface EventPlace { topic: string; partition: number; offset: number }

/** Reads `TOPIC/PARTITION/OFFSET`. @throws AtsError ATS_CONFIG_INVALID */
export function parsePlace(text: string): EventPlace {
  const [, topic, partition, offset] = /^([^/]+)\/(\d{1,9})\/(\d{1,15})$/.exec(text) ?? [];
  if (topic === undefined || !isTopicName(topic)) {
    throw new AtsError('ATS_CONFIG_INVALID', `${JSON.stringify(text)} is not TOPIC/PARTITION/OFFSET of a source record`, { todo: 'Write it like telemetry/2/17.' });
  }
  return { topic, partition: Number(partition), offset: Number(offset) };
}

export function placeText({ topic, partition, offset }: EventPlace): string {
  return `${topic}/${partition}/${offset}`;
}
