import { anchorCoverage, anchorsInChain, checkProof, openArchive, placeText, type AnchorView, type CheckedProof } from '#libs/audit';
import { parsePolicy, type Policy, type TileSource } from '#libs/log';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';
import { parseBlockHash } from './block-hash.js';
import { deploymentOf } from './brought.js';
import { readArguments, type Given } from './flags.js';
import { EXIT } from './outcome.js';
import { PLACE_FLAGS, Places, readBytes } from './places.js';
import { anchorsAt } from './prove.js';

export const verifyCommand = {
  usage: 'verify FILE',
  summary: "Checks a .tlog-proof with the log's key, and that a head on the chain covers its entry.\nExits 0 when it holds, 1 when it does not, 2 when something could not be checked.",
  flags: {
    offline: { help: "ask no Ethereum node: the log's signature and the proof alone are checked" },
    policy: { value: 'FILE', help: 'which logs and witnesses to believe (c2sp.org/tlog-policy), in place of --vkey' },
    entry: { value: 'FILE', help: "the entry's bytes, when the file does not carry them" },
    archive: { value: 'DIR', help: 'the chain and the log out of an archive; bring --block-hash and --deployment' },
    'block-hash': { value: 'HASH', help: 'with --archive: hash of its last block, from a source that you trust' },
    ...PLACE_FLAGS,
  },
} as const;

export async function verify(args: readonly string[], layout: Layout, say: Say): Promise<number> {
  const { given, rest: [name] } = readArguments(verifyCommand, args, { least: 1, most: 1 });
  const places = new Places(layout, given);
  const file = readBytes(name!, 'the proof');
  const proof = checkProof({ file, policy: policyOf(given, places), entry: given.entry === undefined ? undefined : readBytes(given.entry, 'the entry') });
  for (const line of describe(proof)) say(line);
  const asked = await chainOf(given, places, proof.origin, { layout, say });
  if (asked === undefined) {
    say(given.offline ? 'not asked: whether a head on the chain covers it (--offline)' : 'could not be checked: whether a head on the chain covers it');
    return given.offline ? EXIT.holds : EXIT.unchecked;
  }
  const coverage = await anchorCoverage(proof, asked.anchors, asked.tiles);
  if ('notCovered' in coverage) {
    say(`could not be checked: ${coverage.notCovered}`);
    return EXIT.unchecked;
  }
  const { size, block, transaction } = coverage.anchored;
  say(`holds: the head of size ${size} on ${asked.anchors.place} covers it${block === undefined ? '' : `, anchored in block ${block}`}${transaction === undefined ? '' : `, transaction 0x${transaction.toString('hex')}`}`);
  const missing = given.archive === undefined ? [] : (['block-hash', 'deployment'] as const).filter((flag) => given[flag] === undefined);
  if (missing.length === 0) return EXIT.holds;
  say(`could not be checked: whether the archive's chain and contracts are the ones: bring ${missing.map((flag) => `--${flag}`).join(' and ')}`);
  return EXIT.unchecked;
}

function policyOf({ policy }: Given<typeof verifyCommand.flags>, places: Places): Policy {
  return policy === undefined ? parsePolicy(`log ${places.vkey()}\nquorum none\n`) : parsePolicy(readBytes(policy, 'the policy'));
}

function describe({ index, origin, checkpoint, cosigners, said }: CheckedProof): string[] {
  return [
    `holds: entry ${index} of ${checkpoint.size} in ${origin}, whose key signed root ${checkpoint.root.toString('hex')}`,
    ...(cosigners.length > 0 ? [`holds: cosigned by ${cosigners.join(', ')}`] : []),
    said === undefined
      ? "the entry is no record's: a log that succeeds another begins with that one's checkpoint"
      : `the entry says: ${placeText(said)}, received ${new Date(said.timestamp).toISOString()}, ${said.verdict} by parameter set ${said.parameterVersion}, record hash ${said.hash.toString('hex')}`,
  ];
}

/** What there is to hold the checkpoint against. A log that is away is done without: the file may carry all that is needed. */
async function chainOf(given: Given<typeof verifyCommand.flags>, places: Places, origin: string, { layout, say }: { layout: Layout; say: Say }): Promise<{ anchors: AnchorView; tiles: TileSource | undefined } | undefined> {
  if (given.archive !== undefined) {
    const archive = await openArchive(given.archive, { blockHash: parseBlockHash(given['block-hash']) });
    deploymentOf(archive, given, layout);
    return { anchors: await anchorsInChain(archive.chain, origin), tiles: archive.log.tiles };
  }
  if (given.offline) return undefined;
  const anchors = await anchorsAt(places, origin, say);
  return anchors && { anchors, tiles: given.log === undefined && !places.knowsLog ? undefined : (await places.log()).source.tiles };
}
