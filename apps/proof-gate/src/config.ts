import { defineConfig, setting } from '#libs/config';
import { CIRCUITS_FOLDER, ENGINE_CHOICES } from '#libs/proofs';
import { commonConfig } from '#libs/service';
import { z } from 'zod';

/** Nothing here changes a verdict: those depend on the records, the chain and the parameter set alone. */
export const config = defineConfig('proof-gate', {
  ...commonConfig,
  circuitsDir: setting('ATTESTREAM_CIRCUITS_DIR', z.string().min(1).default(CIRCUITS_FOLDER), 'Folder of the circuits. Only a verification key whose hash the parameter set names is ever used.'),
  batchRecords: setting('ATTESTREAM_GATE_BATCH_RECORDS', z.coerce.number().int().min(1).max(1000).default(500), 'Records that are committed together at most; under load as many are prepared ahead.'),
  memberFile: setting('ATTESTREAM_GATE_MEMBER_FILE', z.string().min(1).optional(), 'File with the group member id, one for each instance: after a crash the next start need not wait for the dead member to time out.'),
  verifier: setting('ATTESTREAM_GATE_VERIFIER', z.enum(ENGINE_CHOICES).default('auto'), 'Which implementation verifies proofs: native where native/ is built, snarkjs everywhere; auto takes native where it can.'),
  verifierThreads: setting('ATTESTREAM_GATE_VERIFIER_THREADS', z.coerce.number().int().min(1).max(64).default(2), 'Threads that verify proofs.'),
});

export type GateConfig = ReturnType<typeof config.load>;
