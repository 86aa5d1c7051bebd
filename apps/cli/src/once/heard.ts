import type { ServiceView } from '#libs/icinga';

/**
 * The services whose last result is a household's, of a window that ended at `since` or later (milliseconds since the Unix epoch).
 * Icinga2 keeps states over a restart, and the sink may submit an old one again: only the epoch that was proven says how old a state is.
 */
export function heardSince(services: readonly ServiceView[], since: number, epochSeconds: number): ServiceView[] {
  return services.filter(({ active, state, performanceData }) => {
    const epoch = performanceData.map((datum) => /^epoch=(\d+)/.exec(datum)?.[1]).find((found) => found !== undefined);
    return !active && state !== 'PENDING' && epoch !== undefined && (Number(epoch) + 1) * epochSeconds * 1_000 >= since;
  });
}
