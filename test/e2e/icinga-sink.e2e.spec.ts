import { jest } from '@jest/globals';
import { until } from '../support/gate-until.js';
import { Hanging } from '../support/hanging.js';
import { hostOf, IcingaWorld, nowEpoch, type Verified } from '../support/icinga-world.js';

jest.setTimeout(150_000);

let world: IcingaWorld;
beforeAll(async () => {
  world = await IcingaWorld.start();
  await world.startSink();
  await world.ready();
});
afterAll(async () => { await world?.stop(); });

it('verified events of two households become states and performance data of their services', async () => {
  const epoch = nowEpoch();
  await world.send({ household: 1, stream: 'load', state: 'OK', epoch }, { household: 1, stream: 'open-files', state: 'CRITICAL', epoch }, { household: 2, stream: 'load', state: 'WARNING', epoch });
  await world.drained();
  expect(await world.service(1, 'load')).toMatchObject({ host: hostOf(1), state: 'OK', active: false, output: expect.stringContaining(`epoch ${epoch}`) });
  expect(await world.service(1, 'open-files')).toMatchObject({ state: 'CRITICAL', performanceData: expect.arrayContaining(['state=2;1;2;0;2', `epoch=${epoch}`, 'block=7']) });
  expect(await world.service(2, 'load')).toMatchObject({ state: 'WARNING' });
  expect(await Promise.all(['OK', 'WARNING', 'CRITICAL'].map((state) => world.metric('attestream_sink_results_total', `state="${state}"`)))).toEqual([1, 1, 1]);
  expect(await world.metric('attestream_sink_produce_to_icinga_seconds_count')).toBe(3);
});

it('neither a late event nor an older window nor a redelivery changes a state', async () => {
  const epoch = nowEpoch();
  await world.send({ household: 3, state: 'OK', epoch });
  await world.drained();
  await world.send({ household: 3, state: 'CRITICAL', epoch: epoch + 1, late: true }, { household: 3, state: 'CRITICAL', epoch: epoch - 1 }, { household: 3, state: 'CRITICAL', epoch });
  await world.drained();
  expect(await world.service(3, 'load')).toMatchObject({ state: 'OK' });
  expect([await world.metric('attestream_sink_skipped_total', 'reason="late"'), await world.metric('attestream_sink_skipped_total', 'reason="superseded"')]).toEqual([1, 2]);
});

it('poison is put aside with its reason and blocks nothing', async () => {
  const since = world.lines.length;
  for (const value of [Buffer.alloc(0), Buffer.from('garbage'), Buffer.from([0, 0, 0, 99, 99, 1, 2]), Buffer.alloc(65_536, 0xff)]) await world.sendRaw(4, value);
  await world.send({ household: 4, stream: 'Not-A-Stream' }, { household: 4, state: 'WARNING' });
  await world.drained();
  expect(await world.service(4, 'load')).toMatchObject({ state: 'WARNING' });
  expect((await world.viewer.services()).filter(({ host }) => host === hostOf(4))).toHaveLength(1);
  expect([await world.metric('attestream_sink_dead_letters_total', 'ATS_EVENT_MALFORMED'), await world.metric('attestream_sink_dead_letters_total', 'ATS_EVENT_SCHEMA_UNKNOWN')]).toEqual([4, 1]);
  expect(world.complaints(since)).toHaveLength(5);
});

it('silence turns UNKNOWN by itself, and the next event ends it', async () => {
  await world.send({ household: 5, state: 'OK', ageSeconds: 87 });
  await world.drained();
  expect(await world.service(5, 'load')).toMatchObject({ state: 'OK' });
  await until('silence is UNKNOWN', async () => (await world.service(5, 'load'))?.state === 'UNKNOWN');
  expect(await world.service(5, 'load')).toMatchObject({ active: true, output: expect.stringContaining('silent') });
  await world.send({ household: 5, state: 'WARNING', epoch: nowEpoch() + 1 });
  await until('it speaks again', async () => (await world.service(5, 'load'))?.state === 'WARNING');
});

it('a state that is no longer fresh is not shown, but its stream is', async () => {
  await world.send({ household: 6, state: 'CRITICAL', ageSeconds: 120 });
  await world.drained();
  expect((await world.service(6, 'load'))?.state).toMatch(/PENDING|UNKNOWN/);
  expect(await world.metric('attestream_sink_skipped_total', 'reason="expired"')).toBe(1);
});

it('200 services', async () => {
  const events = Array.from({ length: 200 }, (_, i): Verified => ({ household: 100 + (i % 20), stream: `stream-${Math.floor(i / 20)}`, state: i % 3 === 0 ? 'CRITICAL' : 'OK' }));
  await world.send(...events);
  await world.drained();
  const services = await world.viewer.services();
  for (const { household, stream, state } of events) expect(services.find(({ host, service }) => host === hostOf(household!) && service === stream)?.state).toBe(state);
});

it('after kill -9 Icinga2 is given the current state of every service again, and what came meanwhile', async () => {
  await world.send({ household: 7, state: 'CRITICAL' });
  await world.drained();
  const before = new Map((await world.viewer.services()).filter(({ state, active }) => state !== 'PENDING' && !active).map((view) => [`${view.host}!${view.service}`, view.output]));
  const since = world.lines.length;
  await world.crashIcinga();
  await world.send({ household: 8, state: 'WARNING' });
  await until('the sink says so', async () => (await world.readiness()).waitingFor['icinga']?.startsWith('ATS_ICINGA_UNREACHABLE') === true);
  expect(await world.lag()).toBe(1);
  await world.startIcinga();
  await world.ready();
  await world.drained();
  await until('every state is back', async () => {
    const now = new Map((await world.viewer.services()).map((view) => [`${view.host}!${view.service}`, view.output]));
    return [...before].every(([name, output]) => now.get(name) === output);
  });
  expect(await world.service(8, 'load')).toMatchObject({ state: 'WARNING' });
  expect(await world.metric('attestream_sink_resubmitted_total')).toBeGreaterThanOrEqual(before.size);
  expect(world.complaints(since)).toEqual(['ATS_ICINGA_UNREACHABLE']);
});

it('reloads in the middle of traffic lose nothing', async () => {
  const newest = new Map<number, Verified>();
  const restarts = () => world.metric('attestream_sink_icinga_restarts_total');
  const before = await restarts();
  for (let round = 0, reloads = 0; reloads < 2 || (await restarts()) < before + 2; round++) {
    if ((await restarts()) === before + reloads && reloads < 2 && round % 3 === 1) {
      world.icinga.kill('SIGHUP');
      reloads++;
    }
    const events = Array.from({ length: 10 }, (_, i): Verified => ({ household: 200 + i, epoch: nowEpoch() + round, state: (['OK', 'WARNING', 'CRITICAL'] as const)[(round + i) % 3]! }));
    for (const event of events) newest.set(event.household!, event);
    await world.send(...events);
  }
  await world.drained();
  const wrong = async () => {
    const services = await world.viewer.services();
    return [...newest].filter(([household, { state, epoch }]) => !services.some((view) =>
      view.host === hostOf(household) && view.state === state && view.performanceData.includes(`epoch=${epoch}`)));
  };
  await until('every household shows its newest state', async () => (await wrong()).length === 0);
  expect(await wrong()).toEqual([]);
});

it('a stop in the middle of a backlog is clean, and the next run goes on where it ended', async () => {
  const epoch = nowEpoch();
  const windows = Array.from({ length: 20 }, (_, i) => epoch + i);
  const before = await world.metric('attestream_sink_results_total');
  await world.send(...windows.flatMap((window) => Array.from({ length: 200 }, (_, i): Verified => ({ household: 100 + (i % 20), stream: `stream-${Math.floor(i / 20)}`, epoch: window, state: 'WARNING' }))));
  await until('it is at work', async () => await world.metric('attestream_sink_results_total') > before);
  expect(await world.endSink('SIGTERM')).toBe(0);
  await world.startSink();
  await world.drained();
  const services = (await world.viewer.services()).filter(({ service }) => service.startsWith('stream-'));
  expect(services).toHaveLength(200);
  expect(services.filter(({ state, performanceData }) => state !== 'WARNING' || !performanceData.includes(`epoch=${windows.at(-1)}`))).toEqual([]);
});

it('what an earlier run submitted is given again when Icinga2 crashed while the sink was away', async () => {
  await world.send({ household: 9, state: 'CRITICAL' });
  await world.drained();
  await world.endSink('SIGKILL');
  await world.crashIcinga();
  await world.startIcinga();
  expect((await world.service(9, 'load'))?.state).not.toBe('CRITICAL');
  await world.startSink();
  await until('the state is back', async () => (await world.service(9, 'load'))?.state === 'CRITICAL', 60_000);
});

// Its end by itself is 0; that by the deadline of a stop is 1.
it('neither an Icinga2 nor a broker that hangs holds up a stop', async () => {
  await world.ready();
  world.kafka.kill('SIGSTOP');
  expect(await world.endSink('SIGTERM')).toBe(0);
  world.kafka.kill('SIGCONT');
  const hanging = await Hanging.start();
  await world.startSink({ ATTESTREAM_ICINGA_URL: `https://${hanging.place}` });
  await hanging.asked();
  expect(await world.endSink('SIGTERM')).toBe(0);
  hanging.stop();
  await world.startSink();
});

it('goes on after broker and Icinga2 were away, one line each, and stops gracefully while Icinga2 is away', async () => {
  await world.ready();
  const since = world.lines.length;
  world.kafka.kill('SIGKILL');
  await world.kafka.exited;
  await until('the broker is missed', async () => (await world.readiness()).waitingFor['broker']?.startsWith('ATS_BROKER_UNREACHABLE') === true);
  await world.startBroker();
  await world.send({ household: 10, state: 'WARNING' });
  await world.drained();
  expect(world.lines.slice(since).filter(({ level }) => level === 'warn').filter(({ msg }) => msg.startsWith('ATS_BROKER_UNREACHABLE'))).toHaveLength(1);
  await world.crashIcinga();
  await world.send({ household: 10, state: 'CRITICAL', epoch: nowEpoch() + 1 });
  await until('Icinga2 is missed', async () => !(await world.readiness()).ready);
  expect(await world.endSink('SIGTERM')).toBe(0);
  await world.startIcinga();
});

it('starts without the registry and without the right to submit: one line each, nothing committed, and goes on', async () => {
  await world.registry.stop();
  const since = world.lines.length;
  await world.startSink({ ATTESTREAM_ICINGA_CREDENTIALS_FILE: world.icinga.viewerCredentialsFile });
  await until('the registry is missed', async () => (await world.readiness()).waitingFor['registry']?.startsWith('ATS_REGISTRY_UNREACHABLE') === true);
  await world.startRegistry();
  await until('Icinga2 refuses', async () => Object.values((await world.readiness()).waitingFor).some((why) => why.startsWith('ATS_ICINGA_REFUSED')), 60_000);
  expect(await world.lag()).toBe(1);
  expect(world.complaints(since)).toEqual(['ATS_REGISTRY_UNREACHABLE', 'ATS_ICINGA_REFUSED']);
  await world.endSink('SIGTERM');
  await world.startSink();
  await world.drained();
  expect(await world.service(10, 'load')).toMatchObject({ state: 'CRITICAL' });
});
