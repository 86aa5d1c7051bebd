import type { Say } from '../say.js';
import { agentName } from '../setup/apps.js';
import type { Stack } from '../setup/bring-up.js';
import { recount, sourceEnds, type Recount } from './recount.js';
import type { Stages } from './stages.js';

const INDEXER = 'chain-indexer';

/** What stands still once {@link bringToRest} is done. */
export interface AtRest {
  readonly recount: Recount;
  /** Names of the parts that were stopped for it. */
  readonly stopped: readonly string[];
}

/**
 * Ends what writes source records and waits until each has its entry, so that the log has an end to be anchored and audited. The agents go first: the gate
 * needs blocks that are newer than their last messages, which the indexer still brings.
 */
export async function bringToRest({ stack, stages, say }: { stack: Stack; stages: Stages; say: Say }): Promise<AtRest> {
  const { supervisor } = stack;
  const running = new Set(supervisor.status().filter(({ state }) => state !== 'stopped').map(({ name }) => name));
  const agents = stack.households.map(({ name }) => agentName(name)).filter((name) => running.has(name));
  say('stopping what writes source records, so that the log comes to rest');
  await stages.do('agents-stopped', 'every agent stopped', () => Promise.all(agents.map((name) => supervisor.stopPart(name))), () => `${agents.length} agents`);
  await accounted(stack, stages, 'agents-accounted', 'an entry for everything that the agents sent');
  await supervisor.stopPart(INDEXER);
  return { recount: await accounted(stack, stages, 'at-rest', 'an entry for every source record there is'), stopped: [INDEXER, ...agents] };
}

/** Every record that is in the source topics now has its entry and its outcome. */
async function accounted({ kafka, codec }: Stack, stages: Stages, id: string, want: string): Promise<Recount> {
  const ends = await sourceEnds(kafka);
  let counted: Recount | undefined;
  return await stages.until(id, want, 120, async () => {
    counted = await recount(kafka, codec, ends);
    return counted.faults.length === 0 ? counted : undefined;
  }, { got: ({ accounts }) => `${accounts.length} source records`, progress: () => counted?.faults.slice(0, 3).join('; ') ?? 'not counted' });
}
