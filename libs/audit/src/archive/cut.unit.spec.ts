import { EventCodec, TOPIC_NAMES, type TopicName } from '#libs/events';
import { encodeEntryBundle, TILE_WIDTH, type TileSource } from '#libs/log';
import { boundsOfRange, type Bounds } from './cut.js';
import { joinArchives, type Archive } from './open-archive.js';

const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, 7])) as Record<TopicName, number>);
/** Partition 1 has a record an entry, with gaps that markers leave; partition 0 has one every tenth. */
const ENTRIES = Array.from({ length: 600 }, (_, i) => codec.encode('audit-log', {
  topic: 'telemetry', partition: i % 10 === 0 ? 0 : 1, offset: 2 * i, timestamp: 1, hash: Buffer.alloc(32), verdict: 'MALFORMED', parameterVersion: 0, registryBlock: null,
}));
const tiles: TileSource = {
  tile: async () => Buffer.alloc(0),
  entries: async (index, width) => encodeEntryBundle(ENTRIES.slice(index * TILE_WIDTH, index * TILE_WIDTH + width)),
};
const ALL: Bounds[] = [0, 1, 2].map((partition) => ({ topic: 'telemetry', partition, from: 0n, to: 1300n })).concat({ topic: 'audit-log', partition: 0, from: 0n, to: 700n });
const range = (from: number, to: number) => boundsOfRange(tiles, ENTRIES.length, { from, to }, ALL);

it('the whole range has all records, those without an entry yet too', async () => {
  expect(await range(0, 600)).toEqual(ALL);
  expect(await range(0, Number.MAX_SAFE_INTEGER)).toEqual(ALL);
});

it('a range has the records of its entries; audit-log is always whole', async () => {
  const [first, second, third, log] = await range(0, 15);
  expect([first!.to, second!.to, third!.to]).toEqual([21n, 29n, 0n]);
  expect(log).toEqual(ALL[3]);
});

it('ranges that adjoin have bounds that adjoin, wherever they are cut: no record falls between', async () => {
  for (const cuts of [[1, 2, 3], [10, 11, 255], [256, 257, 599], [100, 300, 512]]) {
    const leaves = [0, ...cuts, 600];
    const parts = await Promise.all(leaves.slice(1).map((to, i) => range(leaves[i]!, to)));
    for (let place = 0; place < 3; place++) {
      expect([parts[0]![place]!.from, parts.at(-1)![place]!.to]).toEqual([0n, 1300n]);
      for (let i = 1; i < parts.length; i++) expect(parts[i]![place]!.from).toBe(parts[i - 1]![place]!.to);
    }
  }
});

it.each([[10, 10], [20, 10], [601, 700]])('entries %i to %i are no range of this log', async (from, to) => {
  await expect(range(from, to)).rejects.toMatchObject({ code: 'ATS_LOG_RANGE' });
});

it('archives are joined in order, from entry 0 on, of one log', () => {
  const archive = (from: number, to: number, origin = 'example.com/log') => ({ dir: `${from}`, manifest: { range: { from, to }, log: { origin }, partitions: [] } }) as unknown as Archive;
  expect(joinArchives([archive(0, 10), archive(10, 20)]).range).toEqual({ from: 0, to: 20 });
  for (const wrong of [[archive(10, 20)], [archive(0, 10), archive(11, 20)], [archive(0, 10), archive(0, 10)], [archive(0, 10), archive(10, 20, 'example.com/other')]]) {
    expect(() => joinArchives(wrong)).toThrow(/ATS_ARCHIVE_INVALID/);
  }
});
