import { recordHash, type EventOf, type KafkaRecord } from '#libs/events';
import { faultsOf, totalsOf, verdictAt, type Account } from './recount.js';

const record: KafkaRecord = { topic: 'telemetry', partition: 2, offset: 7n, timestamp: 1_000, key: Buffer.from('k'), value: Buffer.from('v'), headers: [] };
const source = { topic: 'telemetry', partition: 2, offset: 7, timestamp: 1_000, hash: recordHash(record) };
const entry = (verdict: EventOf<'audit-log'>['verdict']): EventOf<'audit-log'> => ({ ...source, verdict, parameterVersion: 1, registryBlock: null });
const rejection = (reason: EventOf<'rejected'>['reason']): EventOf<'rejected'> => ({ source, reason, detail: '', duplicateOf: 3, parameterVersion: 1, registryBlock: null });
const verified = { source } as EventOf<'telemetry.verified'>;
const account = (parts: Partial<Account>): Account => ({ topic: 'telemetry', record, entries: [], verified: [], rejected: [], ...parts });

it('a record with one entry and its one outcome has no fault', () => {
  expect(faultsOf(account({ entries: [entry('VERIFIED')], verified: [verified] }))).toEqual([]);
  expect(faultsOf(account({ entries: [entry('PROOF_INVALID')], rejected: [rejection('PROOF_INVALID')] }))).toEqual([]);
  expect(faultsOf(account({ topic: 'chain-events', entries: [entry('RECORDED')] }))).toEqual([]);
});

it.each([
  ['no entry', account({}), 'has 0 audit entries'],
  ['two entries', account({ entries: [entry('VERIFIED'), entry('VERIFIED')] }), 'has 2 audit entries'],
  ['a verdict without its event', account({ entries: [entry('VERIFIED')] }), 'is VERIFIED and has 0 verified events'],
  ['a verified event twice', account({ entries: [entry('VERIFIED')], verified: [verified, verified] }), 'has 2 verified events'],
  ['a refusal that was verified too', account({ entries: [entry('EPOCH_STALE')], rejected: [rejection('EPOCH_STALE')], verified: [verified] }), 'has 1 verified events'],
  ['another reason', account({ entries: [entry('EPOCH_STALE')], rejected: [rejection('MALFORMED')] }), 'EPOCH_STALE in the audit log and MALFORMED in rejected'],
  ['other bytes', account({ record: { ...record, value: Buffer.from('w') }, entries: [entry('VERIFIED')], verified: [verified] }), 'another hash'],
  ['another time', account({ record: { ...record, timestamp: 1_001 }, entries: [entry('VERIFIED')], verified: [verified] }), 'another time'],
])('%s is a fault', (_, given, fault) => {
  expect(faultsOf(given).join('; ')).toContain(fault);
});

it('totals come from the events, and a verdict from the audit log', () => {
  const counted = {
    ends: { telemetry: [], 'bci-intent': [], 'chain-events': [] }, faults: [],
    accounts: [account({ entries: [entry('NULLIFIER_SEEN')], rejected: [rejection('NULLIFIER_SEEN')] })],
  };
  expect(totalsOf(counted, 'telemetry')).toEqual({ produced: 1, verified: 0, rejected: { NULLIFIER_SEEN: 1 } });
  expect(totalsOf(counted, 'bci-intent')).toEqual({ produced: 0, verified: 0, rejected: {} });
  expect(verdictAt(counted, { topic: 'telemetry', partition: 2, offset: 7n })).toEqual({ verdict: 'NULLIFIER_SEEN', duplicateOf: 3 });
  expect(verdictAt(counted, { topic: 'telemetry', partition: 2, offset: 8n })).toBeUndefined();
});
