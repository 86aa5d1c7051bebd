import { AuditVerifier, AuditWorld, BEGIN_MS, hashOf } from '../support/audit-world.js';

/** What is nowhere in the log is found by what is around it: other partitions, the topic, the chain. None of it accuses whoever is only not seen as far. */

let shared: AuditVerifier;
let world: AuditWorld;
beforeAll(() => { shared = new AuditVerifier(); });
beforeEach(() => { world = AuditWorld.honest(shared); });
afterAll(() => shared.close());

const nothing = { key: null, value: Buffer.from('no event'), headers: [] };

it('the last record of a partition is missed when its entry was dropped and the log goes on in other partitions', async () => {
  const last = world.records.get('bci-intent/1')!.at(-1)!;
  world.drop(world.leafOf(last));
  expect(await world.audit()).toMatchObject({ ok: true, pending: { records: 1, entries: 0 } });
  const report = await world.audit({ limits: { recordLagSeconds: 60 } });
  expect(report.failures).toMatchObject([{ code: 'RECORD_WITHOUT_ENTRY', leaf: null, topic: 'bci-intent', partition: 1, offset: Number(last.offset) }]);
});

it('a partition that a topic was given later is looked at like any other', async () => {
  world.append('telemetry', 6, BEGIN_MS + 113_500, nothing);
  const report = await world.audit({ limits: { recordLagSeconds: 60 } });
  expect(report.failures).toMatchObject([{ code: 'RECORD_WITHOUT_ENTRY', topic: 'telemetry', partition: 6, offset: 0 }]);
  world.judge();
  expect(await world.audit({ limits: { recordLagSeconds: 60 } })).toMatchObject({ ok: true, entries: 146, recomputed: 146 });
});

it('an entry in a partition that audit-log was given later is not in the log', async () => {
  world.append('audit-log', 1, BEGIN_MS + 113_500, { ...nothing, value: world.leaves()[0]! });
  const report = await world.audit({ limits: { recordLagSeconds: 60 } });
  expect(report.failures).toMatchObject([{ code: 'ENTRY_NOT_LOGGED', topic: 'audit-log', partition: 1, offset: 0 }]);
});

it('a log whose topic is empty, or is not there, is not that topic', async () => {
  world.topicEntries = [];
  const { records, ...options } = world.options();
  const absent = { ...records!, partitions: async (topic: string) => (topic === 'audit-log' ? 0 : await records!.partitions(topic)) };
  for (const source of [records!, absent]) {
    const report = await world.audit({ ...options, records: source });
    expect(report.failures.map(({ code, leaf }) => [code, leaf])).toEqual([['ENTRY_NOT_IN_TOPIC', 0]]);
  }
});

it.each([['the newest anchors', 30], ['the opening of the log', 1]])('a node that lags behind %s leaves anchors unchecked, and accuses nobody', async (_, head) => {
  const chain = { ...world.options().chain!, head: async () => ({ number: head, hash: hashOf(head) }) };
  const report = await world.audit({ chain, limits: { anchorLagSeconds: 120 } });
  expect(report).toMatchObject({ outcome: 'unchecked', failures: [] });
  expect(report.unchecked).toContainEqual({ code: 'CHAIN_BEHIND', detail: expect.stringMatching(/^anchors: /) });
});
