import type { OutgoingRecord } from '#libs/events';
import type { Verdict } from '#libs/verdict';
import type { SimulatedWorld } from '../../support/simulated/index.js';

/** Made before the clock runs. */
export interface Made {
  readonly record: OutgoingRecord;
  readonly expected: Verdict;
}

/** Streams times epochs: messages of one household. */
const EPOCHS = 6;

/** As many honest messages as asked for, each with its own proof, of households that {@link chosen} takes; dealt out so that neighbours are of different households. */
export function honestMessages(world: SimulatedWorld, count: number, { firstHousehold = 0, chosen = () => true }: { firstHousehold?: number; chosen?: (household: number) => boolean } = {}): Made[] {
  const households: number[] = [];
  const perHousehold = world.streams.length * EPOCHS;
  for (let household = firstHousehold; households.length * perHousehold < count; household++) if (chosen(household)) households.push(household);
  const last = world.lastEpoch();
  return Array.from({ length: count }, (_, i) => {
    const round = Math.floor(i / households.length);
    const said = { household: households[i % households.length]!, stream: world.streams[round % world.streams.length]!, epoch: last - Math.floor(round / world.streams.length) };
    return { record: world.telemetry(said), expected: 'VERIFIED' };
  });
}

/** Every so many of them bad: a proof that is a proof, but of another message, which costs the verifier most. Evenly spread. */
export function withBad(world: SimulatedWorld, made: readonly Made[], badPct: number): Made[] {
  return made.map((message, i) => {
    if (Math.floor(((i + 1) * badPct) / 100) === Math.floor((i * badPct) / 100)) return message;
    const other = made[(i + 1) % made.length]!.record.value;
    const value = Buffer.from(message.record.value);
    other.copy(value, value.length - 256, other.length - 256);
    return { record: { ...message.record, value }, expected: 'PROOF_INVALID' };
  });
}

