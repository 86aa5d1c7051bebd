import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FinalizedChain, readDeployment, RegistryProjection } from '#libs/chain';
import { TOPIC_NAMES, type TopicName } from '#libs/events';
import { ParameterSets } from '#libs/verdict';
import { startLocalChain } from '../../../libs/chain/test/local-chain.js';
import { until } from '../gate-until.js';
import { deployForSimulation, putOnChain, SimulatedWorld, writeThrowawayCircuits } from './index.js';

const ids = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;

it('real contracts hold the set, a root that is known and a root that is revoked from the time it says', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'attestream-on-chain-'));
  const chain = await startLocalChain();
  try {
    const file = join(dir, 'deployment.json');
    const sender = { rpcUrl: chain.url, key: chain.key };
    const deployment = await deployForSimulation({ ...sender, registryLagSeconds: 6, file });
    expect(readDeployment(file)).toEqual(deployment);
    const world = new SimulatedWorld({ seed: 'one', circuits: writeThrowawayCircuits(dir, 'one'), deployment, ids });
    const { inForceMs } = await putOnChain(world, { ...sender, deployment });

    const source = new FinalizedChain(chain.url, deployment);
    const projection = new RegistryProjection(deployment);
    await until('the registry block of that time', async () => {
      const { number: head } = await source.head();
      const from = (projection.head?.number ?? deployment.firstBlock - 1) + 1;
      if (head >= from) for (const block of await source.read(from, head)) projection.apply(block);
      return projection.registryBlock(inForceMs).status === 'found';
    }, 60_000);
    const found = projection.registryBlock(inForceMs);
    if (found.status !== 'found') throw new Error(found.status);
    expect(new ParameterSets(projection).at(found.block)).toMatchObject({ version: 1, set: world.parameterSet() });
    expect([world.root, world.revokedRoot].map((root) => projection.rootAt(root, found.block.number, world.parameterSet().revokedRootGraceSeconds))).toEqual(['known', 'revoked']);
    expect(projection.tree().root).toBe(world.root);
  } finally {
    await chain.stop();
    rmSync(dir, { recursive: true });
  }
}, 120_000);
