import { readFileSync } from 'node:fs';
import { generateAsyncApi } from '../scripts/generate-asyncapi.js';
import { TOPIC_NAMES, TOPICS } from './topics.js';

it('docs/asyncapi.json is what topics and schemas say (npm run docs:asyncapi)', () => {
  expect(readFileSync(new URL('../../../docs/asyncapi.json', import.meta.url), 'utf8')).toBe(generateAsyncApi());
});

it('docs/events.md lists every topic with its partitions, size, key and writers', () => {
  const page = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8');
  for (const topic of TOPIC_NAMES) {
    const { partitions, maxMessageBytes, key, writers } = TOPICS[topic];
    expect(page).toContain(`| \`${topic}\` | ${partitions} | ${maxMessageBytes / 1024} KiB | ${key} | ${writers.join(', ')} |`);
  }
});
