import { recordHash, VERDICT_SYMBOLS } from '#libs/events';
import { basis, BLOCK, CODEC, context, EPOCH, EPOCH_SECONDS, NOW, parameterSet, PARTITION, raw, record, telemetry } from '../../../test/support/gate-records.js';
import { decide, evolve } from './decide.js';
import { examine } from './examine.js';
import { outcomeOf } from './outcome.js';
import { REASONS } from './reasons.js';
import { EMPTY_STATE } from './state.js';

const given = record();
const finding = examine(given, basis(), context);
const source = { topic: 'telemetry', partition: PARTITION, offset: 10, timestamp: NOW, hash: recordHash(given) };

describe('the events of a verdict', () => {
  it('VERIFIED: the verified event says what was proven, by what and when; the audit entry refers to the source', () => {
    const { audit, verified, rejected } = outcomeOf(decide(EMPTY_STATE, finding, () => true));
    const { pseudonym, nullifier, commitment } = telemetry();
    expect(audit).toEqual({ ...source, verdict: 'VERIFIED', parameterVersion: 1, registryBlock: BLOCK.hash });
    expect(verified).toEqual({
      topic: 'telemetry.verified',
      event: {
        source, pseudonym, stream: 'load', epoch: EPOCH, policyFamily: 'home', state: 'OK', nullifier, commitment, circuit: 'telemetry16', parameterVersion: 1,
        registryBlock: { number: BLOCK.number, hash: BLOCK.hash }, windowEnd: (EPOCH + 1) * EPOCH_SECONDS * 1000, partitionClock: NOW, epochFloor: EPOCH - 2880, late: false,
      },
    });
    expect(rejected).toBeNull();
    expect(CODEC.decode('telemetry.verified', CODEC.encode('telemetry.verified', verified!.event as never))).toEqual(verified!.event);
    expect(CODEC.decode('audit-log', CODEC.encode('audit-log', audit))).toEqual(audit);
  });

  it('a refusal: reference, reason, and the offset of what it repeats', () => {
    const used = evolve(EMPTY_STATE, decide(EMPTY_STATE, finding, () => true));
    const again = examine({ ...given, offset: 12n }, basis(), context);
    const { audit, verified, rejected } = outcomeOf(decide(used, again, () => true));
    expect(audit.verdict).toBe('NULLIFIER_SEEN');
    expect(verified).toBeNull();
    expect(rejected).toMatchObject({ source: { ...source, offset: 12 }, reason: 'NULLIFIER_SEEN', duplicateOf: 10, parameterVersion: 1, registryBlock: { number: 7 } });
    expect(CODEC.decode('rejected', CODEC.encode('rejected', rejected!))).toEqual(rejected);
  });

  it('before the first block: version 0 and no block', () => {
    const early = examine(given, { block: null, parameters: { version: 0, set: null, why: 'none' } }, context);
    const { audit, rejected } = outcomeOf(decide(EMPTY_STATE, early, () => true));
    expect(audit).toMatchObject({ verdict: 'PARAMETERS_UNKNOWN', parameterVersion: 0, registryBlock: null });
    expect(rejected).toMatchObject({ registryBlock: null });
  });

  it('the detail of whatever bytes fits its topic and can be encoded', () => {
    const odd = ['\u{1F600}'.repeat(5000), '\u0000', '\ufffe', 'x'.repeat(60_000)];
    for (const text of odd) {
      for (const change of [{ stream: text }, { circuit: text }, { policyFamily: text }]) {
        const { rejected } = outcomeOf(decide(EMPTY_STATE, examine(record(telemetry(change)), basis(parameterSet()), context), () => true));
        expect(CODEC.encode('rejected', rejected!).length).toBeLessThan(1000);
      }
    }
    expect(outcomeOf(decide(EMPTY_STATE, examine(raw(null), basis(), context), () => true)).rejected?.detail).toBe('no value');
  });

  it('every reason is a symbol of the audit log, and every symbol but two is a reason, in the same order', () => {
    expect(VERDICT_SYMBOLS.filter((symbol) => symbol !== 'VERIFIED' && symbol !== 'RECORDED')).toEqual([...REASONS]);
  });
});
