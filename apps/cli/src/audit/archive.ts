import { writeArchive } from '#libs/audit';
import { AtsError } from '#libs/errors';
import { fetchSchema } from '#libs/events';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';
import { parseLeaf } from './block-hash.js';
import { readArguments } from './flags.js';
import { openKafka } from './kafka.js';
import { EXIT } from './outcome.js';
import { CIRCUITS_FLAG, KAFKA_FLAGS, PLACE_FLAGS, Places } from './places.js';
import { Progress } from './progress.js';

export const archiveCommand = {
  usage: 'archive OUT',
  summary: 'Exports everything that an audit needs into one new folder: records, the log as it is served, and proofs of the chain. It needs no service ever after.',
  flags: {
    from: { value: 'N', help: 'the first entry whose record is exported (default: 0); such an archive continues an earlier one' },
    to: { value: 'N', help: 'the entry behind the last whose record is exported (default: all)' },
    ...PLACE_FLAGS, ...KAFKA_FLAGS, ...CIRCUITS_FLAG,
  },
} as const;

export async function archive(args: readonly string[], layout: Layout, say: Say, signal: AbortSignal): Promise<number> {
  const { given, rest: [out] } = readArguments(archiveCommand, args, { least: 1, most: 1 });
  const places = new Places(layout, given);
  const [from, to] = [parseLeaf('from', given.from), parseLeaf('to', given.to)];
  const { brokers, rpc, registry } = places;
  if (brokers === undefined || rpc === undefined) {
    throw new AtsError('ATS_CONFIG_INVALID', `nobody says where ${brokers === undefined ? 'Kafka' : 'the Ethereum node'} is`, { todo: `Name it with --${brokers === undefined ? 'brokers' : 'rpc'}, or run make run once.` });
  }
  const { source: log } = await places.log();
  const kafka = openKafka(brokers.at);
  const progress = new Progress();
  try {
    const manifest = await writeArchive({
      dir: out!, records: kafka.records, log, vkey: places.vkey(), rpcUrl: rpc.at, deployment: places.deployment(), signal,
      ...(given.circuits !== undefined && { circuitsFolder: given.circuits }),
      schemas: async (id) => {
        if (registry === undefined) throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `no registry is known to ask for id ${id}`);
        return await fetchSchema(registry.at, id);
      },
      range: from === undefined && to === undefined ? undefined : { from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER },
      onProgress: (stage, done, total) => progress.show(stage, done, total),
    });
    progress.end();
    say(`${out}: ${manifest.log.size} entries of ${manifest.log.origin}, records of entries ${manifest.range.from} to ${manifest.range.to}`);
    for (const missing of manifest.missing) say(`not in it, because nobody has it: ${missing}`);
    say(`its chain ends in block ${manifest.head.number}; keep deployment.json, log.vkey and this hash where the archive is not, and bring them with --deployment, --vkey and --block-hash:`);
    say(manifest.head.hash);
    return EXIT.holds;
  } finally {
    progress.end();
    await kafka.close();
  }
}
