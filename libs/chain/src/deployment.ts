import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { getAddress } from 'ethers';
import { z } from 'zod';
import { AtsError } from '#libs/errors';

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'is not an Ethereum address')
  .transform((text) => getAddress(text.toLowerCase()));

const deploymentSchema = z.strictObject({
  chainId: z.int().positive(),
  operator: address,
  deviceRegistry: address,
  policyRegistry: address,
  checkpointAnchor: z.string({ error: ({ input }) => (input === undefined ? 'is missing: a deployment of before the log; deploy again' : 'is not an Ethereum address') }).pipe(address),
  firstBlock: z.int().nonnegative(),
  registryLagSeconds: z.int().positive(),
});

/**
 * Where the contracts of one deployment stand; the file deployment.json holds exactly this.
 * `operator`: the address that deployed and holds the roles. `firstBlock`: no block before it has a log of these contracts; the
 * topic chain-events begins with it. `registryLagSeconds`: D, as PolicyRegistry fixes it. Addresses are EIP-55 text.
 */
export type Deployment = z.infer<typeof deploymentSchema>;

/** @throws AtsError ATS_DEPLOYMENT_INVALID when the file is missing or is not a deployment. */
export function readDeployment(file: string): Deployment {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new AtsError('ATS_DEPLOYMENT_INVALID', `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const parsed = deploymentSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AtsError('ATS_DEPLOYMENT_INVALID', `${file}: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'invalid'}`);
}

/** Writes the file whole or not at all. */
export function writeDeployment(file: string, deployment: Deployment): void {
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(deploymentSchema.parse(deployment), null, 2)}\n`);
  renameSync(partial, file);
}
