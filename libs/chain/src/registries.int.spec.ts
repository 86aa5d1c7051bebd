import { setTimeout as delay } from 'node:timers/promises';
import { Interface, Wallet } from 'ethers';
import { isAtsError } from '#libs/errors';
import { KIND, generateSensorKey, leafHash, rootOfPath, secretHash, sensorPublicKey, signDigest, type LeafParameters } from '#libs/proofs';
import { fund, startLocalChain, type LocalChain } from '../test/local-chain.js';
import { bloomHas } from './bloom.js';
import { deviceRegistryContract } from './contracts.generated.js';
import {
  FinalizedChain, RegistryProjection, deployContracts, parameterSetHash, publishParameterSet, registerDevice, revokeDevice, type Deployment,
} from './index.js';
import { REGISTRY_TOPICS } from './registry-events.js';

let chain: LocalChain;
let deployment: Deployment;
const registry = new Interface(deviceRegistryContract.abi);

beforeAll(async () => {
  chain = await startLocalChain();
  deployment = await deployContracts({ rpcUrl: chain.url, key: chain.key, registryLagSeconds: 12 });
}, 60_000);
afterAll(async () => {
  await chain?.stop();
}, 30_000);

const sender = () => ({ rpcUrl: chain.url, key: chain.key, deployment });
const codeOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
  } catch (error) {
    if (isAtsError(error)) return error.message;
    throw error;
  }
  return 'none';
};

let program = 100n;
function device(overrides: Partial<LeafParameters> = {}) {
  const sensorKey = generateSensorKey();
  const leaf: LeafParameters = { kind: KIND.telemetry, ...sensorPublicKey(sensorKey), secretHash: secretHash(42n), program: program++, ...overrides };
  return { sensorKey, leaf, signature: signDigest(sensorKey, leaf.secretHash) };
}

async function projected(): Promise<RegistryProjection> {
  const finalized = new FinalizedChain(chain.url, deployment);
  const target = Number(await chain.rpc('eth_blockNumber'));
  let head = await finalized.head();
  for (; head.number < target; head = await finalized.head()) await delay(100);
  const projection = new RegistryProjection(deployment);
  for (const block of await finalized.read(deployment.firstBlock, head.number)) projection.apply(block);
  return projection;
}

it('an auditor takes the registry lag from no file: one that PolicyRegistry does not fix, or a contract that is none, is refused', async () => {
  const head = (change: Partial<Deployment>, contracts: 'registries' | 'all' = 'all') => new FinalizedChain(chain.url, { ...deployment, ...change }, contracts).head();
  expect((await head({})).number).toBeGreaterThanOrEqual(0);
  expect(await codeOf(head({ registryLagSeconds: 4 }))).toMatch(/^ATS_CHAIN_WRONG.*registryLagSeconds 4.*fixes 12/);
  expect(await codeOf(head({ policyRegistry: Wallet.createRandom().address }))).toMatch(/^ATS_CHAIN_WRONG.*no PolicyRegistry/);
  expect(await codeOf(head({ registryLagSeconds: 4 }, 'registries'))).toBe('none'); // who serves it made the file itself
});

it('what was registered, revoked and published is what the projection of the finalized blocks holds', async () => {
  const devices = [device(), device(), device()];
  const results = await Promise.all(devices.map(({ leaf, signature }) => registerDevice({ ...sender(), leaf, signature })));
  expect(results.map(({ index }) => index)).toEqual([0, 1, 2]);
  await revokeDevice({ ...sender(), index: 1 });
  const document = Buffer.from('{"version":1}');
  const published = await publishParameterSet({ ...sender(), document });
  expect(published).toMatchObject({ version: 1, hash: parameterSetHash(document) });

  const projection = await projected();
  const [first, second, third] = devices.map(({ leaf }) => leafHash(leaf)) as [bigint, bigint, bigint];
  expect([projection.leafIndex(first), projection.leafIndex(second), projection.leafIndex(third)]).toEqual([0, undefined, 2]);
  expect([projection.tree().leaf(0), projection.tree().leaf(1), projection.tree().leaf(2)]).toEqual([first, 0n, third]);
  expect(projection.malformedLogs).toBe(0);
  expect(projection.parametersAt(projection.head!.number)).toMatchObject({ version: 1, document, hash: published.hash, block: published.blockNumber });
  const membership = projection.membership(third, projection.head!.number)!;
  expect(rootOfPath(third, membership)).toBe(projection.tree().root);
  // the node's bloom filter has its logs, which is what they are asked for by
  const { logsBloom } = (await chain.rpc('eth_getBlockByNumber', `0x${published.blockNumber.toString(16)}`, false)) as { logsBloom: string };
  const bloom = Buffer.from(logsBloom.slice(2), 'hex');
  expect([deployment.policyRegistry, REGISTRY_TOPICS[2]!, deployment.deviceRegistry, REGISTRY_TOPICS[0]!].map((item) => bloomHas(bloom, item))).toEqual([true, true, false, false]);
  // the contract's own state says the same
  const call = async (name: string, ...args: unknown[]): Promise<unknown> =>
    registry.decodeFunctionResult(name, String(await chain.rpc('eth_call', { to: deployment.deviceRegistry, data: registry.encodeFunctionData(name, args) }, 'latest')))[0];
  expect(await Promise.all([call('leafCount'), call('isLive', 0), call('isLive', 1), call('isLive', 2), call('isLive', 3)])).toEqual([3n, true, false, true, false]);
}, 60_000);

describe('a registration is refused', () => {
  it('for a key off the curve, of low order, of composite order, or not canonical', async () => {
    const { leaf, signature } = device();
    const p = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
    for (const point of [{ Ax: 1n, Ay: 1n }, { Ax: 0n, Ay: p - 1n }, { Ax: 0n, Ay: 1n }, { Ax: leaf.Ax + p, Ay: leaf.Ay }, { Ax: p - leaf.Ax, Ay: p - leaf.Ay }]) {
      expect(await codeOf(registerDevice({ ...sender(), leaf: { ...leaf, ...point }, signature }))).toMatch(/^ATS_REGISTRATION_REFUSED.*not a point of prime order/);
    }
  });

  it("for another sensor's signature, or one over another secret", async () => {
    const { leaf, sensorKey } = device();
    for (const signature of [device().signature, signDigest(sensorKey, leaf.secretHash + 1n), { R8x: 0n, R8y: 1n, S: 0n }]) {
      expect(await codeOf(registerDevice({ ...sender(), leaf, signature }))).toMatch(/^ATS_REGISTRATION_REFUSED.*signature/);
    }
  });

  it('for a second live leaf of the sensor, and for a leaf that was revoked', async () => {
    const { leaf, signature } = device();
    const { index } = await registerDevice({ ...sender(), leaf, signature });
    const other = { ...leaf, program: leaf.program + 1000n };
    expect(await codeOf(registerDevice({ ...sender(), leaf: other, signature }))).toMatch(`SensorAlreadyRegistered(index ${index})`);
    await revokeDevice({ ...sender(), index });
    expect(await codeOf(revokeDevice({ ...sender(), index }))).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED.*LeafNotLive/);
    expect(await codeOf(registerDevice({ ...sender(), leaf, signature }))).toMatch(/^ATS_REGISTRATION_REFUSED.*LeafReturned/);
    await expect(registerDevice({ ...sender(), leaf: other, signature })).resolves.toMatchObject({ index: index + 1 });
  }, 30_000);

  it('for a value that is zero or no field element', async () => {
    const sensor = device({ secretHash: 0n });
    expect(await codeOf(registerDevice({ ...sender(), leaf: sensor.leaf, signature: sensor.signature }))).toMatch('FieldNotCanonical(value 0)');
  });

  it('from an account that is no registrar, and that account can publish nothing', async () => {
    const key = Wallet.createRandom().privateKey;
    await fund(chain, key);
    const { leaf, signature } = device();
    expect(await codeOf(registerDevice({ ...sender(), key, leaf, signature }))).toMatch(/^ATS_REGISTRATION_REFUSED.*AccessControlUnauthorizedAccount/);
    expect(await codeOf(publishParameterSet({ ...sender(), key, document: Buffer.from('x') }))).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED.*AccessControlUnauthorizedAccount/);
  });
});

it('names what is wrong with the sender in one line that never holds the key', async () => {
  const key = Wallet.createRandom().privateKey;
  expect(await codeOf(publishParameterSet({ ...sender(), key, document: Buffer.from('x') }))).toMatch(/^ATS_CHAIN_TRANSACTION_FAILED/);
  expect(await codeOf(publishParameterSet({ ...sender(), key: `${key}ff`, document: Buffer.from('x') }))).toMatch(/^ATS_CONFIG_INVALID/);
  expect(await codeOf(publishParameterSet({ ...sender(), rpcUrl: 'http://127.0.0.1:1', document: Buffer.from('x') }))).toMatch(/^ATS_CHAIN_UNREACHABLE/);
});
