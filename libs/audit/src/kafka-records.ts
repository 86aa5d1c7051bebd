import { isAtsError } from '#libs/errors';
import type { LogReader } from '#libs/stream';
import type { RecordSource } from './sources.js';

/** Records as a broker has them, at read_committed. Closing it closes the reader. */
export function kafkaRecords(reader: LogReader): RecordSource {
  return {
    async partitions(topic) {
      try {
        return await reader.partitions(topic);
      } catch (error) {
        if (isAtsError(error, 'ATS_TOPIC_MISSING')) return 0;
        throw error;
      }
    },
    async bounds(topic, partition) {
      try {
        // The high watermark, not the last stable offset: what an open transaction holds back has to be waited for, or it would be passed over.
        const [from, to] = [await reader.earliest(topic, partition), await reader.highWatermark(topic, partition)];
        return { from, to };
      } catch (error) {
        if (isAtsError(error, 'ATS_TOPIC_MISSING')) return { from: 0n, to: 0n };
        throw error;
      }
    },
    read: (topic, partition, from, to) => reader.read(topic, partition, from, to),
    close: () => reader.close(),
  };
}
