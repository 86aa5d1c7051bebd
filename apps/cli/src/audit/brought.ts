import { readdirSync } from 'node:fs';
import type { Archive, AuditReport } from '#libs/audit';
import type { Deployment } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { CIRCUITS_FOLDER, loadVerificationKey } from '#libs/proofs';
import type { Layout } from '../layout.js';
import { Places, type PlaceFlags } from './places.js';

/** What an audit of an archive can be given, so that it need not be taken from the archive. */
export interface BroughtFlags extends PlaceFlags { 'block-hash'?: string; circuits?: string }

/** The deployment of an archive; when one was brought, it has to be that. @throws AtsError ATS_CHAIN_WRONG, ATS_DEPLOYMENT_INVALID */
export function deploymentOf({ deployment }: Pick<Archive, 'deployment'>, flags: BroughtFlags, layout: Layout): Deployment {
  if (flags.deployment === undefined) return deployment;
  const own = new Places(layout, flags).deployment();
  const different = (Object.keys(own) as (keyof Deployment)[]).find((key) => own[key] !== deployment[key]);
  if (different === undefined) return own;
  throw new AtsError('ATS_CHAIN_WRONG', `the archive is of another deployment: its ${different} is ${deployment[different]}, yours is ${own[different]}`, { todo: 'Bring the archive of your deployment.' });
}

/** What would be taken from the archive because nobody brought it: whoever wrote the archive may have written that as well. */
export function ownWords({ manifest: { head }, deployment, vkey, circuitsFolder }: Archive, flags: BroughtFlags, offline: boolean): AuditReport['unchecked'] {
  const foreign = flags.circuits === undefined ? foreignKeys(circuitsFolder) : [];
  return [
    ...(flags['block-hash'] !== undefined || offline ? [] : [{ code: 'BLOCK_HASH', detail: `whether block ${head.number} ${head.hash} is the chain's: nobody brought its hash (--block-hash)` }]),
    ...(flags.deployment !== undefined ? [] : [{ code: 'DEPLOYMENT', detail: `whether ${deployment.policyRegistry}, ${deployment.deviceRegistry} and ${deployment.checkpointAnchor} are the contracts, from block ${deployment.firstBlock} on, with a lag of ${deployment.registryLagSeconds} s: nobody brought them (--deployment)` }]),
    ...(flags.vkey !== undefined ? [] : [{ code: 'VKEY', detail: `whether ${vkey} is the log's key: nobody brought it (--vkey)` }]),
    ...(foreign.length === 0 ? [] : [{ code: 'CIRCUITS', detail: `whether the verification ${foreign.length === 1 ? 'key' : 'keys'} of ${foreign.join(', ')} came from a ceremony: not this program's, and nobody brought ${foreign.length === 1 ? 'it' : 'them'} (--circuits)` }]),
  ];
}

/** Circuits of the folder whose verification key is not this program's. */
function foreignKeys(folder: string): string[] {
  return circuitsIn(folder).filter((circuit) => {
    const own = keyHash(circuit, CIRCUITS_FOLDER);
    return own === undefined || own !== keyHash(circuit, folder);
  });
}

function circuitsIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // no parameter set names one
    throw error;
  }
}

function keyHash(circuit: string, folder: string): string | undefined {
  try {
    return loadVerificationKey(circuit, folder).verificationKeyHash;
  } catch (error) {
    if (isAtsError(error, 'ATS_CIRCUIT_MISSING')) return undefined;
    throw error;
  }
}
