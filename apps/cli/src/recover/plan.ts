import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { writeDurable } from './places.js';

const schema = z.strictObject({
  schema: z.literal('attestream/log-recovery/1'),
  /** Of the log that ends. */
  origin: z.string(),
  successor: z.string(),
  /** Of the folder that keeps the ended log. */
  number: z.number().int().positive(),
  /** Entries of the checkpoint that it ends with. */
  size: z.number().int().nonnegative(),
  /** The note, entry 0 of the successor. */
  checkpoint: z.string(),
  /** Offset of audit-log that the successor goes on from. */
  fromOffset: z.string().regex(/^\d+$/),
});

/** What a recovery has decided: written before its first step, and what every later call goes by. */
export type RecoveryPlan = Omit<z.infer<typeof schema>, 'schema'>;

/** Undefined when none is under way. @throws AtsError ATS_LOG_RECOVERY_REFUSED */
export function readPlan(file: string): RecoveryPlan | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { schema: _, ...plan } = schema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return plan;
  } catch (cause) {
    throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${file} is no plan of a recovery`, { todo: 'Restore it, or remove it when nothing was declared on chain.', cause });
  }
}

export function writePlan(file: string, plan: RecoveryPlan): void {
  writeDurable(file, `${JSON.stringify({ schema: 'attestream/log-recovery/1', ...plan }, null, 2)}\n`, 0o644);
}
