import { anchoredHead, JsonRpc, logIdOf, logStatus, quantity, supersedeLog, type Deployment } from '#libs/chain';
import { readSecretFile } from '#libs/config';
import { AtsError } from '#libs/errors';
import { connectKafka, LogReader } from '#libs/stream';
import { readArguments, type Command } from '../audit/flags.js';
import { Places, readBytes } from '../audit/places.js';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';
import { recoverLog, type RecoveryChain, type RecoveryTopic } from './recover-log.js';

export const recoverLogCommand = {
  usage: 'recover-log [--from-offset N]',
  summary: 'Ends a log that audit-log no longer agrees with, and puts its successor in its place.\nKafka and the chain must run, chain-anchor must not. See docs/runbook-log.md. Run it again after a crash: it goes on where it was.',
  flags: {
    'from-offset': { value: 'N', help: "offset of audit-log that the successor begins at (default: the first record that the log has otherwise or not at all)" },
    origin: { value: 'NAME', help: "name of the successor (default: the log's with /successor-1, -2, ...)" },
    checkpoint: { value: 'FILE', help: 'checkpoint to end the log at (default: the newest that holds)' },
    rpc: { value: 'URL', help: "Ethereum node (default: make run's)" },
    brokers: { value: 'HOST:PORT,...', help: "Kafka (default: make run's)" },
  },
} as const satisfies Command;

/** `attestream recover-log`. */
export async function recoverLogFrom(args: readonly string[], layout: Layout, say: Say, signal: AbortSignal): Promise<number> {
  const { given } = readArguments(recoverLogCommand, args, { least: 0, most: 0 });
  const places = new Places(layout, given);
  const [rpcUrl, brokers] = [place(places.rpc?.at, 'rpc'), place(places.brokers?.at, 'brokers')];
  const chain = await openChain(rpcUrl, places.deployment(), layout);
  const kafka = openTopic(brokers);
  try {
    await recoverLog({
      layout, say, signal, topic: kafka.topic, chain,
      fromOffset: offsetOf(given['from-offset']), origin: given.origin, checkpoint: given.checkpoint === undefined ? undefined : readBytes(given.checkpoint, 'the checkpoint'),
    });
    say('start make run again: chain-anchor takes the new key, store and journal');
    return 0;
  } finally {
    await kafka.close();
  }
}

function openTopic(brokers: string): { topic: RecoveryTopic; close(): Promise<void> } {
  const client = connectKafka({ brokers: brokers.split(',').map((one) => one.trim()), clientId: 'attestream-recover-log', log: { info: () => undefined, warn: () => undefined } });
  const reader = new LogReader(client);
  return {
    topic: {
      begin: () => reader.earliest('audit-log', 0),
      end: () => reader.lastStable('audit-log', 0),
      read: (from, to) => reader.read('audit-log', 0, from, to),
    },
    async close() {
      await reader.close();
      client.close();
    },
  };
}

/** @throws AtsError ATS_CHAIN_WRONG when the node is of another chain than the deployment */
async function openChain(rpcUrl: string, deployment: Deployment, { operatorKeyFile }: Pick<Layout, 'operatorKeyFile'>): Promise<RecoveryChain> {
  const rpc = new JsonRpc(rpcUrl);
  const chainId = await rpc.call('eth_chainId', [], quantity);
  if (chainId !== deployment.chainId) throw new AtsError('ATS_CHAIN_WRONG', `${rpc.endpoint} has chain id ${chainId}, the deployment is on ${deployment.chainId}`, { todo: 'Name a node of that chain with --rpc.' });
  return {
    status: (origin, block) => logStatus({ rpcUrl, deployment, logId: logIdOf(origin), block }),
    anchored: (origin) => anchoredHead({ rpcUrl, deployment, logId: logIdOf(origin) }),
    async supersede(origin, successorOrigin) {
      await supersedeLog({ rpcUrl, key: readSecretFile(operatorKeyFile), deployment, logId: logIdOf(origin), successorOrigin });
    },
  };
}

function place(at: string | undefined, flag: string): string {
  if (at === undefined) throw new AtsError('ATS_CONFIG_INVALID', `nobody says where that is: --${flag}`, { todo: `Name it with --${flag}, or run make run once.` });
  return at;
}

function offsetOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,18}$/.test(text)) throw new AtsError('ATS_CONFIG_INVALID', `--from-offset is ${JSON.stringify(text)}`, { todo: 'Give an offset of audit-log, a number of 0 or more.' });
  return BigInt(text);
}
