import { AtsError } from '#libs/errors';
import type { IcingaConnection } from './icinga-connection.js';
import { RestartWatch } from './restart-watch.js';

const never = new AbortController().signal;

function setup() {
  const icinga = { programStart: 1, loads: 0, resubmissions: 0, fail: false };
  const counts = { restarts: 0, resubmitted: 0, services: 0 };
  const watch = new RestartWatch(
    {
      client: { status: async () => ({ programStart: icinga.programStart, version: 'x' }) },
      objects: { size: 3, load: async () => { icinga.loads++; } },
      outage: { begin: () => undefined, end: () => undefined },
    } as unknown as IcingaConnection,
    { resubmit: async () => { if (icinga.fail) throw new AtsError('ATS_ICINGA_UNREACHABLE', 'x'); icinga.resubmissions++; return 2; } },
    { restarts: { inc: () => { counts.restarts++; } }, resubmitted: { inc: (n: number) => { counts.resubmitted += n; } }, services: { set: (n: number) => { counts.services = n; } } } as never,
    { info: () => undefined } as never,
  );
  return { watch, icinga, counts };
}

it('gives everything again once for each start of Icinga2, and the first is no restart', async () => {
  const { watch, icinga, counts } = setup();
  await watch.look(never);
  await watch.look(never);
  expect([icinga.loads, icinga.resubmissions, counts]).toEqual([1, 1, { restarts: 0, resubmitted: 2, services: 3 }]);
  icinga.programStart = 2;
  await watch.look(never);
  await watch.look(never);
  expect([icinga.loads, icinga.resubmissions, counts.restarts]).toEqual([2, 2, 1]);
});

it('what failed half-way is given again by the next look', async () => {
  const { watch, icinga, counts } = setup();
  await watch.look(never);
  icinga.programStart = 2;
  icinga.fail = true;
  await expect(watch.look(never)).rejects.toThrow('ATS_ICINGA_UNREACHABLE');
  icinga.fail = false;
  await watch.look(never);
  expect([icinga.resubmissions, counts.restarts]).toEqual([2, 1]);
});

it('partitions that were taken over are given without a restart', async () => {
  const { watch, icinga } = setup();
  await watch.look(never);
  watch.invalidate();
  await watch.look(never);
  expect(icinga.resubmissions).toBe(2);
});
