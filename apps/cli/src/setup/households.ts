import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAtsError } from '#libs/errors';
import { registerDevice, type Deployment } from '#libs/chain';
import { createHousehold, createSensor, enrolSensor, loadHousehold, telemetryLeaf, type Household } from '#libs/edge';
import type { LeafParameters } from '#libs/proofs';
import type { Layout } from '../layout.js';
import { FAMILY } from './policies.js';

/** A household of this data folder, registered on chain. */
export interface RegisteredHousehold extends Household {
  readonly name: string;
  readonly leaf: LeafParameters;
}

export interface EnsureHouseholdParameters {
  layout: Layout;
  name: string;
  epochSeconds: number;
  rpcUrl: string;
  key: string;
  deployment: Deployment;
}

/** The keys of a household and its sensor, made at the first run, and the sensor's leaf in the registry. */
export async function ensureHousehold({ layout, name, epochSeconds, ...chain }: EnsureHouseholdParameters): Promise<RegisteredHousehold> {
  const { keys, sensor } = layout.household(name);
  await madeWhole(keys, (folder) => createHousehold(folder));
  const household = loadHousehold(keys);
  await madeWhole(sensor, (folder) => createSensor(folder, { secret: household.secret, epochSeconds }));
  const enrolment = enrolSensor(sensor, household);
  const leaf = telemetryLeaf(enrolment, FAMILY);
  const registered = join(dirname(keys), 'registered');
  if (!existsSync(registered)) {
    await registerDevice({ ...chain, leaf, signature: enrolment.signature }).catch((error: unknown) => {
      // an earlier run was stopped between the transaction and its record
      if (!isAtsError(error, 'ATS_REGISTRATION_REFUSED') || !error.why.includes('SensorAlreadyRegistered')) throw error;
    });
    writeFileSync(registered, '');
  }
  return { ...household, name, leaf };
}

/** A folder appears only with all its files in it, so that a run stopped half-way leaves nothing that the next one takes for whole. */
async function madeWhole(folder: string, make: (folder: string) => unknown): Promise<void> {
  if (existsSync(folder)) return;
  const partial = `${folder}.new`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  await make(partial);
  renameSync(partial, folder);
}
