import { parseParameterSet, serializeParameterSet } from '#libs/verdict';
import { AGENT_STREAMS, OPEN_FILES_CRITICAL, OPEN_FILES_WARN, policiesFor } from './policies.js';

it('every stream that agents publish has a policy, and the bounds of open files follow the baseline', () => {
  const policies = policiesFor({ openFiles: 1_000, cores: 2 });
  expect(policies.map(({ stream }) => stream)).toEqual(expect.arrayContaining([...AGENT_STREAMS]));
  expect(policies.find(({ stream }) => stream === 'open-files')).toMatchObject({ warnHi: 1_000 + OPEN_FILES_WARN, critHi: 1_000 + OPEN_FILES_CRITICAL });
});

it('the policies make a parameter set that everyone accepts, on a machine of any size', () => {
  const hash = 'ab'.repeat(32);
  for (const baseline of [{ openFiles: 0, cores: 1 }, { openFiles: 4_000_000_000, cores: 1_024 }]) {
    const set = {
      schema: 'attestream/parameter-set/1' as const, version: 1, partitions: { telemetry: 4, 'bci-intent': 4 },
      schemas: [{ topic: 'telemetry' as const, id: 1, fingerprint: hash }], policies: policiesFor(baseline), revokedRootGraceSeconds: 60,
      statements: [{ topic: 'telemetry' as const, kind: 1, circuit: 'telemetry16', verificationKey: hash, epochSeconds: 30, acceptSeconds: 86_400, actSeconds: 90 }],
    };
    expect(parseParameterSet(serializeParameterSet(set))).toEqual(set);
  }
});
