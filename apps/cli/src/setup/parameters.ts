import { Contract, JsonRpcProvider } from 'ethers';
import { parameterSetHash, publishParameterSet, type Deployment } from '#libs/chain';
import { schemaFingerprint, TOPICS, type TopicName } from '#libs/events';
import { loadCircuit } from '#libs/proofs';
import { serializeParameterSet, type ParameterSet, type Policy } from '#libs/verdict';

const TELEMETRY_KIND = 1;
const CIRCUIT = 'telemetry16';

export interface EnsureParametersParameters {
  rpcUrl: string;
  key: string;
  deployment: Deployment;
  schemaIds: Readonly<Record<TopicName, number>>;
  policies: readonly Policy[];
}

/** Publishes the parameter set of this checkout and machine unless it is the newest on chain already. Returns the set that is newest then. */
export async function ensureParameterSet({ rpcUrl, key, deployment, schemaIds, policies }: EnsureParametersParameters): Promise<ParameterSet> {
  const { version, hash } = await newestOnChain(rpcUrl, deployment);
  const same = buildParameterSet(Math.max(version, 1), schemaIds, policies);
  if (version > 0 && `0x${parameterSetHash(serializeParameterSet(same)).toString('hex')}` === hash) return same;
  const next = buildParameterSet(version + 1, schemaIds, policies);
  await publishParameterSet({ rpcUrl, key, deployment, document: serializeParameterSet(next) });
  return next;
}

function buildParameterSet(version: number, schemaIds: Readonly<Record<TopicName, number>>, policies: readonly Policy[]): ParameterSet {
  return {
    schema: 'attestream/parameter-set/1',
    version,
    partitions: { telemetry: TOPICS.telemetry.partitions, 'bci-intent': TOPICS['bci-intent'].partitions },
    schemas: (['telemetry', 'bci-intent'] as const).map((topic) => ({ topic, id: schemaIds[topic], fingerprint: schemaFingerprint(topic) })),
    statements: [{
      topic: 'telemetry', kind: TELEMETRY_KIND, circuit: CIRCUIT, verificationKey: loadCircuit(CIRCUIT).verificationKeyHash,
      epochSeconds: 30, acceptSeconds: 86_400, actSeconds: 90,
    }],
    policies: [...policies],
    revokedRootGraceSeconds: 60,
  };
}

async function newestOnChain(rpcUrl: string, { policyRegistry }: Deployment): Promise<{ version: number; hash: string }> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { staticNetwork: true });
  try {
    const registry = new Contract(policyRegistry, [
      'function latestVersion() view returns (uint64)',
      'function documentHash(uint64 version) view returns (bytes32)',
    ], provider);
    const version = (await registry.getFunction('latestVersion')()) as bigint;
    return { version: Number(version), hash: (await registry.getFunction('documentHash')(version)) as string };
  } finally {
    provider.destroy();
  }
}
