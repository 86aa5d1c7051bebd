import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JsonRpc, type Deployment } from '#libs/chain';
import { EventCodec, TOPIC_NAMES, type EventOf, type TopicName } from '#libs/events';
import {
  CompactTree, encodeEntryBundle, formatCheckpoint, generateLogKey, leafHash, leafTile, noteSigner, parsePolicy, parseProof, signNote, TILE_WIDTH, type TileSource, type TreeHead,
} from '#libs/log';
import { anchorsOnNode, type AnchorView } from './anchor-view.js';
import { anchorCoverage, checkProof } from './check-proof.js';
import { parsePlace } from './event-place.js';
import { findEntry } from './find-entry.js';
import { makeProof, proveEvent } from './make-proof.js';

const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, 7])) as Record<TopicName, number>);
const { privateKey, vkey } = generateLogKey('example.com/log');
const policy = parsePolicy(`log ${vkey}\nquorum none\n`);

const entry = (topic: string, partition: number, offset: number): Buffer => codec.encode('audit-log', {
  topic, partition, offset, timestamp: 1_800_000_000_000 + offset, hash: Buffer.alloc(32, offset % 251), verdict: 'VERIFIED', parameterVersion: 1, registryBlock: null,
} satisfies EventOf<'audit-log'>);

/** Entries as the gate writes them: a busy partition, three that come now and then, and one that is rare. Offsets have gaps. */
const ENTRIES = Array.from({ length: 1500 }, (_, i) => {
  if (i === 900 || i === 1400) return entry('bci-intent', 3, i);
  return i % 5 === 0 ? entry('telemetry', i % 3, 2 * i) : entry('chain-events', 0, i);
});

/** The log of the first `size` entries, in memory. */
function tilesOf(entries: readonly Buffer[]): TileSource & { reads: number } {
  return {
    reads: 0,
    async tile(level, index, width) {
      if (level === 0) return leafTile(entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
      const roots = Array.from({ length: width }, (_, i) => headOf(entries.slice((index * TILE_WIDTH + i) * TILE_WIDTH, (index * TILE_WIDTH + i + 1) * TILE_WIDTH)).root);
      return Buffer.concat(roots);
    },
    async entries(index, width) {
      this.reads++;
      return encodeEntryBundle(entries.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
    },
  };
}

function headOf(entries: readonly Buffer[]): TreeHead {
  const tree = new CompactTree();
  for (const one of entries) tree.append(leafHash(one));
  return { size: entries.length, root: tree.root() };
}

function noteOf(entries: readonly Buffer[], origin = 'example.com/log', key = privateKey): Buffer {
  return signNote(formatCheckpoint({ origin, ...headOf(entries) }), [noteSigner(key)]);
}

const logOf = (entries: readonly Buffer[]) => ({ tiles: tilesOf(entries), checkpoint: async () => noteOf(entries) });
const viewOf = (...heads: readonly TreeHead[]): AnchorView => ({ place: 'a chain', newest: async () => heads.at(-1), ofSize: async (size) => heads.find((head) => head.size === size) });

describe('an entry is found by its record', () => {
  it.each([['telemetry/0/0', 0], ['telemetry/2/40', 20], ['telemetry/1/2990', 1495], ['chain-events/0/1', 1], ['chain-events/0/1499', 1499], ['bci-intent/3/900', 900], ['bci-intent/3/1400', 1400]] as const)('%s is entry %i', async (place, index) => {
    expect(await findEntry(tilesOf(ENTRIES), ENTRIES.length, parsePlace(place))).toMatchObject({ index, entry: ENTRIES[index] });
  });

  it.each(['telemetry/0/1', 'telemetry/3/0', 'chain-events/0/5000', 'bci-intent/3/901', 'bci-intent/3/0', 'bci-intent/0/0', 'audit-log/0/0'])('%s has none', async (place) => {
    expect(await findEntry(tilesOf(ENTRIES), ENTRIES.length, parsePlace(place))).toBeUndefined();
  });

  it('every entry is found, whatever the size of the log', async () => {
    for (const size of [1, 2, 255, 256, 257, 700]) {
      for (let i = 0; i < size; i += 7) {
        const { topic, partition, offset } = codec.decode('audit-log', ENTRIES[i]!);
        expect((await findEntry(tilesOf(ENTRIES), size, { topic, partition, offset }))?.index).toBe(i);
      }
    }
  });

  it('few bundles are read for a record of a busy partition', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => entry('chain-events', 0, i));
    const tiles = tilesOf(many);
    expect((await findEntry(tiles, many.length, { topic: 'chain-events', partition: 0, offset: 31_000 }))?.index).toBe(31_000);
    expect(tiles.reads).toBeLessThanOrEqual(9);
  });

  it.each(['telemetry', 'telemetry/0', 'telemetry/0/x', 'telemetry/-1/0', 'nothing/0/0', 'telemetry/0/0/0', ''])('%j names no record', (text) => {
    expect(() => parsePlace(text)).toThrow(/ATS_CONFIG_INVALID/);
  });
});

describe('a proof file', () => {
  it('holds with the key alone, and says what its entry says', async () => {
    const { file, index } = await proveEvent({ place: parsePlace('telemetry/2/40'), log: logOf(ENTRIES), vkey });
    expect(index).toBe(20);
    expect(checkProof({ file, policy })).toMatchObject({ index: 20, origin: 'example.com/log', checkpoint: { size: 1500 }, said: { topic: 'telemetry', partition: 2, offset: 40, verdict: 'VERIFIED' } });
  });

  it('is the format of c2sp.org/tlog-proof with the entry in its extra line', async () => {
    const file = await makeProof({ index: 3, entry: ENTRIES[3]!, checkpoint: noteOf(ENTRIES), tiles: tilesOf(ENTRIES) });
    const lines = file.toString().split('\n');
    expect([lines[0], lines[1]!.slice(0, 6), lines[2], lines.includes('example.com/log')]).toEqual(['c2sp.org/tlog-proof@v1', 'extra ', 'index 3', true]);
    expect(JSON.parse(parseProof(file).extra!.toString())).toEqual({ entry: ENTRIES[3]!.toString('base64') });
  });

  it.each<[string, string, (text: string) => string]>([
    ['another index', 'ATS_TLOG_PROOF_FAILED', (text) => text.replace('index 20', 'index 21')],
    ['another entry', 'ATS_TLOG_PROOF_FAILED', (text) => text.replace(/^extra .*$/m, `extra ${Buffer.from(JSON.stringify({ entry: ENTRIES[21]!.toString('base64') })).toString('base64')}`)],
    ['no entry', 'ATS_TLOG_PROOF_MALFORMED', (text) => text.replace(/^extra .*\n/m, '')],
    ['an extra line that is not ours', 'ATS_TLOG_PROOF_MALFORMED', (text) => text.replace(/^extra .*$/m, 'extra AAAA')],
    ['a hash left out', 'ATS_TLOG_PROOF_FAILED', (text) => text.replace(/(?<=^index 20\n).*\n/m, '')],
    ['another root', 'ATS_NOTE_UNVERIFIED', (text) => text.replace(/(?<=\n1500\n).*/, headOf(ENTRIES.slice(1)).root.toString('base64'))],
    ['half a checkpoint', 'ATS_NOTE_MALFORMED', (text) => text.slice(0, text.indexOf('\n\u2014'))],
    ['nothing', 'ATS_TLOG_PROOF_MALFORMED', () => ''],
  ])('with %s does not hold: %s', async (_, code, change) => {
    const { file } = await proveEvent({ place: parsePlace('telemetry/2/40'), log: logOf(ENTRIES), vkey });
    expect(() => checkProof({ file: Buffer.from(change(file.toString())), policy })).toThrow(new RegExp(`^${code}: `));
  });

  it('of another log, or another key of the same name, does not hold', async () => {
    const file = await makeProof({ index: 3, entry: ENTRIES[3]!, checkpoint: noteOf(ENTRIES), tiles: tilesOf(ENTRIES) });
    const foreign = (name: string) => parsePolicy(`log ${generateLogKey(name).vkey}\nquorum none\n`);
    expect(() => checkProof({ file, policy: foreign('example.com/log') })).toThrow(/ATS_NOTE_UNVERIFIED/);
    expect(() => checkProof({ file, policy: foreign('example.com/other') })).toThrow(/ATS_NOTE_UNVERIFIED|ATS_CHECKPOINT_FOREIGN/);
  });

  it('a record that is not in the log, and tiles of another log, give no file', async () => {
    await expect(proveEvent({ place: parsePlace('telemetry/0/7'), log: logOf(ENTRIES), vkey })).rejects.toMatchObject({ code: 'ATS_EVENT_NOT_LOGGED' });
    await expect(makeProof({ index: 3, entry: ENTRIES[3]!, checkpoint: noteOf(ENTRIES), tiles: tilesOf(ENTRIES.toReversed()) })).rejects.toMatchObject({ code: 'ATS_TLOG_PROOF_FAILED' });
    await expect(proveEvent({ place: parsePlace('telemetry/2/40'), log: logOf(ENTRIES), vkey: generateLogKey('example.com/log').vkey })).rejects.toMatchObject({ code: 'ATS_NOTE_UNVERIFIED' });
  });
});

describe('a head on the chain covers an entry', () => {
  const heads = [50, 700, 1200, 1500].map((size) => headOf(ENTRIES.slice(0, size)));
  const proofOf = async (index: number, anchored?: TreeHead) => checkProof({ file: await makeProof({ index, entry: ENTRIES[index]!, checkpoint: noteOf(ENTRIES), tiles: tilesOf(ENTRIES), anchored }), policy });

  it('when it is the checkpoint\'s own', async () => {
    expect(await anchorCoverage(await proofOf(20), viewOf(...heads))).toMatchObject({ anchored: heads[3] });
  });

  it('when the file leads to it, without the log', async () => {
    expect(await anchorCoverage(await proofOf(20, heads[1]), viewOf(heads[0]!, heads[1]!, heads[2]!))).toMatchObject({ anchored: heads[1] });
  });

  it('when the log leads to it: an older head that has the entry, or a newer one', async () => {
    expect(await anchorCoverage(await proofOf(20), viewOf(heads[1]!), tilesOf(ENTRIES))).toMatchObject({ anchored: heads[1] });
    const newer = [...ENTRIES, entry('telemetry', 0, 9_000)];
    expect(await anchorCoverage(await proofOf(20), viewOf(headOf(newer)), tilesOf(newer))).toMatchObject({ anchored: headOf(newer) });
  });

  it('not when the chain has none, or none with the entry, or nothing leads to it', async () => {
    expect(await anchorCoverage(await proofOf(20), viewOf())).toMatchObject({ notCovered: expect.stringContaining('no head') });
    expect(await anchorCoverage(await proofOf(60, heads[0]), viewOf(heads[0]!), tilesOf(ENTRIES))).toMatchObject({ notCovered: expect.stringContaining('not among them') });
    expect(await anchorCoverage(await proofOf(50, heads[0]), viewOf(heads[0]!))).toMatchObject({ notCovered: expect.stringContaining('not among them') });
    expect(await anchorCoverage(await proofOf(20), viewOf(heads[2]!))).toMatchObject({ notCovered: expect.stringContaining('--log') });
  });

  it('a log that signed another tree than the chain has is told as evidence, not as "not covered"', async () => {
    const forked = headOf(ENTRIES.with(700, entry('telemetry', 0, 1)));
    await expect(anchorCoverage(await proofOf(20), viewOf(forked))).rejects.toMatchObject({ code: 'ATS_EVENT_UNPROVEN' });
    const older = headOf(ENTRIES.slice(0, 700).with(3, entry('telemetry', 0, 1)));
    await expect(anchorCoverage(await proofOf(20), viewOf(older), tilesOf(ENTRIES))).rejects.toMatchObject({ code: 'ATS_EVENT_UNPROVEN' });
    // an extra line that lies proves nothing, and hides nothing
    const lying = await proofOf(20, heads[1]);
    expect(await anchorCoverage({ ...lying, extra: { ...lying.extra!, anchor: { size: 700, consistency: [] } } }, viewOf(heads[1]!), tilesOf(ENTRIES))).toMatchObject({ anchored: heads[1] });
  });
});

describe('a node', () => {
  const deployment: Deployment = {
    chainId: 31_337, operator: `0x${'00'.repeat(20)}`, deviceRegistry: `0x${'01'.repeat(20)}`, policyRegistry: `0x${'02'.repeat(20)}`, checkpointAnchor: `0x${'03'.repeat(20)}`, firstBlock: 1, registryLagSeconds: 4,
  };
  let server: Server | undefined;
  afterEach(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => { if (server) server.close(resolve); else resolve(undefined); });
  });
  async function node(answer: ((method: string) => unknown) | string | null): Promise<JsonRpc> {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => { body += String(chunk); }).on('end', () => {
        if (answer === null) return;
        if (typeof answer === 'string') return void response.end(answer);
        const one = ({ id, method }: { id: number; method: string }) => ({ jsonrpc: '2.0', id, result: answer(method) });
        const parsed = JSON.parse(body) as { id: number; method: string } | { id: number; method: string }[];
        response.end(JSON.stringify(Array.isArray(parsed) ? parsed.map(one) : one(parsed)));
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return new JsonRpc(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 300);
  }
  const block = { number: '0x9', hash: `0x${'11'.repeat(32)}`, parentHash: `0x${'10'.repeat(32)}`, timestamp: '0x1', logsBloom: `0x${'00'.repeat(256)}` };

  it.each<[string, string, Parameters<typeof node>[0]]>([
    ['never answers', 'ATS_CHAIN_UNREACHABLE', null],
    ['answers garbage', 'ATS_CHAIN_RPC_INVALID', '<html>'],
    ['is on another chain', 'ATS_CHAIN_WRONG', (method) => (method === 'eth_chainId' ? '0x1' : block)],
    ['has no such contract', 'ATS_CHAIN_RPC_INVALID', (method) => (method === 'eth_chainId' ? '0x7a69' : method === 'eth_call' ? '0x' : block)],
  ])('that %s is named by %s', async (_, code, answer) => {
    const rpc = await node(answer);
    const error: unknown = await anchorsOnNode(rpc, deployment, 'example.com/log').then((view) => view.newest()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('\n');
  });
});
