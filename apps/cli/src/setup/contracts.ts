import { existsSync } from 'node:fs';
import { JsonRpcProvider } from 'ethers';
import { AtsError } from '#libs/errors';
import { addressOf, deployContracts, readDeployment, writeDeployment, type Deployment } from '#libs/chain';

/** D: the local node finalizes a block within 3 blocks of 2 s; twice that, so that a busy machine does not make the gate wait. */
const REGISTRY_LAG_SECONDS = 12;
const FUNDS_WEI = 10n ** 20n;

/** The deployment of this data folder: made once, then found again. The local node gives the operator its ether. */
export async function ensureContracts({ rpcUrl, key, file }: { rpcUrl: string; key: string; file: string }): Promise<Deployment> {
  const provider = new JsonRpcProvider(rpcUrl, undefined, { staticNetwork: true });
  try {
    await provider.send('anvil_setBalance', [addressOf(key), `0x${FUNDS_WEI.toString(16)}`]);
    if (!existsSync(file)) writeDeployment(file, await deployContracts({ rpcUrl, key, registryLagSeconds: REGISTRY_LAG_SECONDS }));
    const deployment = readDeployment(file);
    for (const address of [deployment.deviceRegistry, deployment.policyRegistry, deployment.checkpointAnchor]) {
      if ((await provider.getCode(address)) === '0x') {
        throw new AtsError('ATS_DEPLOYMENT_INVALID', `${file} names ${address}, where the chain has no contract`, { todo: 'The data of the chain is gone: run make reset.' });
      }
    }
    return deployment;
  } finally {
    provider.destroy();
  }
}
