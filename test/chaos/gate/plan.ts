/** What befalls whom, drawn from the seed before anything runs, and by the progress of the verdicts instead of a clock: the same seed strikes at the same message. */
import { Random } from '../anchor/random.js';

/** A step of the gate's transaction at which a process can be struck: after the records, after the offsets, while it commits, after that. */
export const POINTS = ['sent', 'offsets', 'committing', 'committed'] as const;
export type Point = (typeof POINTS)[number];

export const APPS = ['gate', 'sink', 'anchor', 'indexer'] as const;
export type AppKind = (typeof APPS)[number];

export type Blow =
  /** SIGKILL: at a point of a transaction, or anywhere. `starting`: without waiting until the process works again after its last death. */
  | { readonly type: 'kill'; readonly app: AppKind; readonly instance: number; readonly starting: boolean; readonly point: Point | undefined }
  /** SIGSTOP, out of the group by an administrator's hand, SIGCONT before any timeout: the zombie believes that it still owns its partitions. */
  | { readonly type: 'evict'; readonly instance: number; readonly point: Point | undefined; readonly frozenMs: number }
  /** SIGKILL of a broker, which is started again after a while: at a point of some gate's transaction, or anywhere. */
  | { readonly type: 'broker'; readonly broker: number; readonly point: Point | undefined; readonly downMs: number };

/** Blows that fall at once, when so many messages have their verdict. */
export interface Strike {
  readonly at: number;
  readonly blows: readonly Blow[];
}

export interface PlanParameters {
  seed: number;
  messages: number;
  kills: number;
  evictions: number;
  brokerKills: number;
  gates: number;
  brokers: number;
}

/** Shares of the kills; the gate has what is left. */
const SHARES: Readonly<Record<Exclude<AppKind, 'gate'>, number>> = { sink: 0.2, anchor: 0.2, indexer: 0.15 };

export function drawPlan({ seed, messages, kills, evictions, brokerKills, gates, brokers }: PlanParameters): Strike[] {
  const random = new Random(seed);
  const apps = (Object.keys(SHARES) as (keyof typeof SHARES)[]).flatMap((app) => Array<AppKind>(Math.max(Math.floor(kills * SHARES[app]), Math.min(1, Math.floor(kills / APPS.length)))).fill(app));
  const blows: Blow[] = [
    ...[...apps, ...Array<AppKind>(kills - apps.length).fill('gate')].map((app) => kill(random, app, gates)),
    ...Array.from({ length: evictions }, (): Blow => ({
      // The frozen one is in the middle of a transaction, or anywhere: its time-outs are 2 s and more.
      type: 'evict', instance: random.between(0, gates - 1), point: random.chance(0.75) ? random.pick(['sent', 'offsets', 'committing']) : undefined, frozenMs: random.between(900, 1_700),
    })),
    ...Array.from({ length: brokerKills }, (): Blow => ({
      // A lone node forgets the markers of what it has just decided to commit.
      type: 'broker', broker: random.between(0, brokers - 1), point: brokers === 1 ? 'committing' : undefined, downMs: random.between(1_000, 6_000),
    })),
  ];
  shuffle(blows, random);
  return spread(together(blows, random), messages, random);
}

function kill(random: Random, app: AppKind, gates: number): Blow {
  return {
    type: 'kill', app, instance: app === 'gate' ? random.between(0, gates - 1) : 0, starting: random.chance(0.12), point: app === 'gate' && random.chance(0.5) ? random.pick(POINTS) : undefined,
  };
}

/** One strike in six has two blows, of different targets. */
function together(blows: readonly Blow[], random: Random): Blow[][] {
  const groups: Blow[][] = [];
  for (const blow of blows) {
    const last = groups.at(-1);
    if (last?.length === 1 && random.chance(1 / 6) && targetOf(last[0]!) !== targetOf(blow)) last.push(blow);
    else groups.push([blow]);
  }
  return groups;
}

/** Over all of the traffic but its last part, which shows that everything goes on. */
function spread(groups: readonly Blow[][], messages: number, random: Random): Strike[] {
  const step = (messages * 0.95) / Math.max(groups.length, 1);
  return groups.map((blows, i) => ({ at: Math.floor((i + random.next()) * step), blows }));
}

export function targetOf(blow: Blow): string {
  return blow.type === 'broker' ? 'broker' : blow.type === 'evict' ? `gate ${blow.instance}` : `${blow.app} ${blow.instance}`;
}

function shuffle<T>(items: T[], random: Random): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.between(0, i);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
