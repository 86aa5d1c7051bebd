import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Deployment } from '#libs/chain';
import { EventCodec, schemaFingerprint, TOPIC_NAMES, type ChainLog, type OutgoingRecord, type TopicName } from '#libs/events';
import { loadCircuit, type LeafParameters } from '#libs/proofs';
import { serializeParameterSet, type ParameterSet } from '#libs/verdict';
import { block, deployment as madeUp, published, registeredLeaf } from '../../../libs/chain/test/made-up-chain.js';

export const FAMILY = 'home-v1';

/** Schema ids of the registry below. */
export const SCHEMA_IDS = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;

export const codec = EventCodec.fromIds(SCHEMA_IDS);

/** A deployment whose blocks count as final after 2 s, so that a test need not wait longer. */
export const deployment: Deployment = { ...madeUp, registryLagSeconds: 2 };

/** Epochs as given, and bounds that make every reading of open-files CRITICAL. */
export function parameterSet(epochSeconds: number): ParameterSet {
  return {
    schema: 'attestream/parameter-set/1', version: 1, partitions: { telemetry: 4, 'bci-intent': 4 },
    schemas: [{ topic: 'telemetry', id: SCHEMA_IDS.telemetry, fingerprint: schemaFingerprint('telemetry') }],
    statements: [{ topic: 'telemetry', kind: 1, circuit: 'telemetry16', verificationKey: loadCircuit('telemetry16').verificationKeyHash, epochSeconds, acceptSeconds: 86_400, actSeconds: 90 }],
    policies: [{ topic: 'telemetry', family: FAMILY, stream: 'open-files', unit: 'files', warnLo: 0, warnHi: 0, critLo: 0, critHi: 0, kWarn: 1, kCrit: 16 }],
    revokedRootGraceSeconds: 60,
  };
}

/** Records of chain-events: the first blocks register the leaf and publish the set, one block a second follows the clock. */
export class BlockMaker {
  #next = deployment.firstBlock;

  constructor(private readonly leaf: LeafParameters, private readonly set: ParameterSet) {}

  make(nowMs: number): OutgoingRecord {
    const number = this.#next++;
    const logs: ChainLog[] = number === deployment.firstBlock
      ? [registeredLeaf(0, this.leaf), published(1, serializeParameterSet(this.set).toString())] : [];
    const value = codec.encode('chain-events', { ...block(number, logs), timestamp: Math.floor(nowMs / 1000) * 1000 });
    return { topic: 'chain-events', key: Buffer.from(String(number)), value, headers: {} };
  }
}

/** The part of a schema registry's Confluent API that a start needs. */
export async function startSchemaIds(): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const topic = /^\/subjects\/(.+)-value\/versions/.exec(request.url ?? '')?.[1] as TopicName | undefined;
    const answer = topic ? { id: SCHEMA_IDS[topic] } : { compatibilityLevel: 'BACKWARD' };
    request.resume();
    response.setHeader('content-type', 'application/vnd.schemaregistry.v1+json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
