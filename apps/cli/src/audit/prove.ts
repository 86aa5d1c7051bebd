import { renameSync, writeFileSync } from 'node:fs';
import { anchorsInChain, anchorsOnNode, openArchive, parsePlace, placeText, proveEvent, type AnchorView, type LogSource } from '#libs/audit';
import { JsonRpc, type Deployment } from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { parseVkey } from '#libs/log';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';
import { parseBlockHash } from './block-hash.js';
import { deploymentOf } from './brought.js';
import { readArguments, type Given } from './flags.js';
import { EXIT } from './outcome.js';
import { PLACE_FLAGS, Places } from './places.js';

export const proveCommand = {
  usage: 'prove TOPIC/PARTITION/OFFSET [--out FILE]',
  summary: "Writes a .tlog-proof: that the log holds the entry of this source record. The file needs nothing beside it but the log's key.",
  flags: {
    out: { value: 'FILE', help: 'where to write it (default: TOPIC-PARTITION-OFFSET.tlog-proof)' },
    archive: { value: 'DIR', help: 'prove from an archive, without any service' },
    'block-hash': { value: 'HASH', help: 'with --archive: hash of its last block, from a source that you trust' },
    offline: { help: 'ask no Ethereum node: the file then says nothing of the anchored head' },
    ...PLACE_FLAGS,
  },
} as const;

export async function prove(args: readonly string[], layout: Layout, say: Say): Promise<number> {
  const { given, rest: [event] } = readArguments(proveCommand, args, { least: 1, most: 1 });
  const place = parsePlace(event!);
  const { log, vkey, anchors } = await sourcesOf(given, layout, say);
  const anchored = await anchors?.newest();
  const proven = await proveEvent({ place, log, vkey, anchored });
  const out = given.out ?? `${placeText(place).replaceAll('/', '-')}.tlog-proof`;
  writeFileSync(`${out}.new`, proven.file);
  renameSync(`${out}.new`, out);
  say(`${out}: entry ${proven.index} of ${proven.size} in ${proven.origin} is the one of ${placeText(place)}`);
  if (anchors !== undefined) {
    say(anchored !== undefined && anchored.size > proven.index ? `it leads to the head of size ${anchored.size} on ${anchors.place}` : `the head on ${anchors.place} does not cover it yet: write the file again later, or verify it with the log at hand`);
  }
  return EXIT.holds;
}

async function sourcesOf(given: Given<typeof proveCommand.flags>, layout: Layout, say: Say): Promise<{ log: LogSource; vkey: string; anchors: AnchorView | undefined }> {
  const places = new Places(layout, given);
  if (given.archive !== undefined) {
    const archive = await openArchive(given.archive, { blockHash: parseBlockHash(given['block-hash']) });
    deploymentOf(archive, given, layout);
    const { log, vkey, chain } = archive;
    const key = given.vkey === undefined ? vkey : places.vkey();
    return { log, vkey: key, anchors: await anchorsInChain(chain, parseVkey(key).name) };
  }
  const vkey = places.vkey();
  const { source } = await places.log();
  return { log: source, vkey, anchors: given.offline ? undefined : await anchorsAt(places, parseVkey(vkey).name, say) };
}

/** The chain's word for the log; undefined, and told, when a node that nobody named is away. */
export async function anchorsAt(places: Places, origin: string, say: Say): Promise<AnchorView | undefined> {
  const { rpc } = places;
  if (rpc === undefined) {
    say('no Ethereum node is known: name one with --rpc');
    return undefined;
  }
  const deployment: Deployment = places.deployment();
  try {
    return await anchorsOnNode(new JsonRpc(rpc.at), deployment, origin);
  } catch (error) {
    if (rpc.named || !isAtsError(error, 'ATS_CHAIN_UNREACHABLE')) throw error;
    say(`the chain is not asked: ${error.why}`);
    return undefined;
  }
}
