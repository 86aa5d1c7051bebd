import { FIELD_MODULUS, fieldToBytes, messageHash, partitionOf } from '#libs/events';
import { TELEMETRY_SIGNALS } from '#libs/proofs';
import { basis, BLOCK, CODEC, context, IDS, intent, NOW, parameterSet, parameterSets, PARTITION, raw, record, telemetry } from '../../../test/support/gate-records.js';
import { examine, unsupportedStatements, type Finding } from './examine.js';
import { serializeParameterSet } from './parameter-set.js';
import { ParameterSets } from './registry-view.js';

const value = CODEC.encode('telemetry', telemetry());
const verdictOf = (finding: Finding) => (finding.status === 'settled' ? finding.verdict : 'candidate');
const judge = (given: ReturnType<typeof raw>, on = basis()) => examine(given, on, context);
/** The same value under another schema id. */
const withId = (id: number) => { const copy = Buffer.from(value); copy.writeUInt32BE(id, 1); return copy; };
/** A field that is n + r: the same element, other bytes. */
const alias = Buffer.from((5n + FIELD_MODULUS).toString(16).padStart(64, '0'), 'hex');
/** A key that some other partition owns. */
const foreignKey = [...Array(50).keys()].map((n) => fieldToBytes(BigInt(n))).find((key) => partitionOf(key, 4) !== PARTITION)!;
/** Another key of the same partition. */
const neighbourKey = [...Array(50).keys()].map((n) => fieldToBytes(BigInt(n))).find((key) => partitionOf(key, 4) === PARTITION)!;

describe('a good record', () => {
  it('becomes a candidate whose public signals come from the event, the policy in force, the deployment and the message', () => {
    const given = record();
    const finding = judge(given);
    if (finding.status !== 'candidate') throw new Error(verdictOf(finding));
    const signals = Object.fromEntries(TELEMETRY_SIGNALS.map((name, i) => [name, finding.job.publicSignals[i]]));
    expect(signals).toMatchObject({
      root: 1n, pseudonym: 4711n, nullifier: 5n, commitment: 6n, state: 0n, scope: 99n, epoch: BigInt(telemetry().epoch),
      stream: 0x6c6f6164n, policyFamily: 0x686f6d65n, warnHi: 400n, critHi: 800n, kWarn: 4n, kCrit: 2n,
      messageHash: messageHash('telemetry', given.key, given.value!, given.headers),
    });
    expect(finding.job).toMatchObject({ circuit: 'telemetry16', proof: telemetry().proof });
  });

  it('asks for the root at its own registry block and with the grace in force', () => {
    const asked: unknown[] = [];
    examine(record(), basis(parameterSet({ revokedRootGraceSeconds: 5 })), { ...context, registry: { rootAt: (...query) => { asked.push(query); return 'known'; } } });
    expect(asked).toEqual([[1n, BLOCK.number, 5]]);
  });
});

describe('the first check that fails is the reason', () => {
  it.each([
    ['no value', raw(null), 'MALFORMED'],
    ['an empty value', raw(Buffer.alloc(0)), 'MALFORMED'],
    ['four bytes', raw(value.subarray(0, 4)), 'MALFORMED'],
    ['another magic byte', raw(Buffer.concat([Buffer.from([1]), value.subarray(1)])), 'MALFORMED'],
    ['64 KiB of garbage', raw(Buffer.alloc(65_536, 0xa5)), 'MALFORMED'],
    ['an id that is not listed', raw(withId(4_000_000_000)), 'SCHEMA_UNKNOWN'],
    ['the id of another topic', raw(withId(IDS['bci-intent'])), 'SCHEMA_UNKNOWN'],
    ['the header alone', raw(value.subarray(0, 5)), 'MALFORMED'],
    ['one byte missing', raw(value.subarray(0, -1)), 'MALFORMED'],
    ['one byte too many', raw(Buffer.concat([value, Buffer.alloc(1)])), 'MALFORMED'],
    ['a listed id before 64 KiB of garbage', raw(Buffer.concat([value.subarray(0, 5), Buffer.alloc(65_531, 0xff)])), 'MALFORMED'],
    ['a stream in capitals', record(telemetry({ stream: 'LOAD' })), 'MALFORMED'],
    ['an empty stream', record(telemetry({ stream: '' })), 'MALFORMED'],
    ['a stream of 32 characters', record(telemetry({ stream: 'a'.repeat(32) })), 'MALFORMED'],
    ['a stream with a line feed behind it', record(telemetry({ stream: 'load\n' })), 'MALFORMED'],
    ['a family with a space', record(telemetry({ policyFamily: 'my home' })), 'MALFORMED'],
    ['an alias of the nullifier', record(telemetry({ nullifier: alias })), 'FIELD_NOT_CANONICAL'],
    ['the modulus itself as root', record(telemetry({ root: Buffer.from(FIELD_MODULUS.toString(16).padStart(64, '0'), 'hex') })), 'FIELD_NOT_CANONICAL'],
    ['all ones as commitment', record(telemetry({ commitment: Buffer.alloc(32, 0xff) })), 'FIELD_NOT_CANONICAL'],
    ['an alias of the pseudonym', record(telemetry({ pseudonym: alias })), 'FIELD_NOT_CANONICAL'],
    ['another partition', record(telemetry(), { partition: (PARTITION + 1) % 4 }), 'PARTITION_MISMATCH'],
    ['a key of another partition', record(telemetry(), { key: foreignKey }), 'PARTITION_MISMATCH'],
    ['a key that is not the pseudonym', record(telemetry(), { key: neighbourKey }), 'KEY_MISMATCH'],
    ['no key', record(telemetry(), { key: null }), 'KEY_MISMATCH'],
    ['a circuit that is not in the set', record(telemetry({ circuit: 'telemetry64' })), 'STATEMENT_UNKNOWN'],
    ['no circuit', record(telemetry({ circuit: '' })), 'STATEMENT_UNKNOWN'],
    ['a name that every object has', record(telemetry({ circuit: 'constructor' })), 'STATEMENT_UNKNOWN'],
    ['a stream without a policy', record(telemetry({ stream: 'heat' })), 'POLICY_UNKNOWN'],
    ['a family without a policy', record(telemetry({ policyFamily: 'robot' })), 'POLICY_UNKNOWN'],
    ['a stream of 31 characters', record(telemetry({ stream: 'a'.repeat(31) })), 'POLICY_UNKNOWN'],
    ['the largest canonical elements', record(telemetry({ nullifier: fieldToBytes(FIELD_MODULUS - 1n), commitment: fieldToBytes(FIELD_MODULUS - 1n) })), 'candidate'],
    ['the smallest epoch', record(telemetry({ epoch: -(2 ** 52) + 1 })), 'candidate'],
    ['the largest epoch', record(telemetry({ epoch: 2 ** 52 - 1 })), 'candidate'],
    ['an empty key', record(telemetry(), { key: Buffer.alloc(0), partition: partitionOf(Buffer.alloc(0), 4) }), 'KEY_MISMATCH'],
  ])('%s', (_name, given, verdict) => {
    expect(verdictOf(judge(given))).toBe(verdict);
  });

  it('holds the order where several fail: each repair uncovers the next reason', () => {
    const worst = { stream: 'heat', circuit: 'none', nullifier: alias };
    const wrongKey = { key: foreignKey };
    const unlisted = basis(parameterSet({ schemas: [] }));
    const capital = record(telemetry({ ...worst, stream: 'HEAT' }), wrongKey);
    expect([
      verdictOf(examine(raw(null, wrongKey), basis(parameterSet(), null), context)),
      verdictOf(examine(capital, basis(parameterSet(), null), context)),
      verdictOf(examine(capital, unlisted, context)),
      verdictOf(judge(capital)),
      verdictOf(judge(record(telemetry(worst), wrongKey))),
      verdictOf(judge(record(telemetry({ ...worst, nullifier: fieldToBytes(5n) }), wrongKey))),
      verdictOf(judge(record(telemetry({ stream: 'heat', circuit: 'none' }), { key: neighbourKey }))),
      verdictOf(judge(record(telemetry({ stream: 'heat', circuit: 'none' })))),
      verdictOf(judge(record(telemetry({ stream: 'heat' })))),
      verdictOf(judge(record())),
    ]).toEqual([
      'MALFORMED', 'PARAMETERS_UNKNOWN', 'SCHEMA_UNKNOWN', 'MALFORMED', 'FIELD_NOT_CANONICAL', 'PARTITION_MISMATCH', 'KEY_MISMATCH', 'STATEMENT_UNKNOWN',
      'POLICY_UNKNOWN', 'candidate',
    ]);
  });

  it('needs no more of a record than a topic: every single-byte change of the value ends in a finding', () => {
    for (let at = 0; at < value.length - 256; at++) {
      for (const bit of [0x01, 0x80]) {
        const changed = Buffer.from(value);
        changed[at]! ^= bit;
        expect(judge(raw(changed))).toHaveProperty('status');
      }
    }
    for (let length = 0; length < value.length; length++) expect(verdictOf(judge(raw(value.subarray(0, length))))).toBe('MALFORMED');
  });
});

describe('the parameter set in force', () => {
  const sets = parameterSets([{ from: 5, set: parameterSet() }, { from: 8, set: parameterSet({ version: 2, policies: [] }) }]);
  const at = (number: number) => examine(record(), { block: { ...BLOCK, number }, parameters: sets.at({ ...BLOCK, number }) }, context);

  it('is the newest up to the registry block', () => {
    expect([4, 5, 7, 8].map((number) => [verdictOf(at(number)), at(number).basis.parameters.version])).toEqual([
      ['PARAMETERS_UNKNOWN', 0], ['candidate', 1], ['candidate', 1], ['POLICY_UNKNOWN', 2],
    ]);
  });

  it('verifies nothing while it can not be used, and says why', () => {
    const broken = parameterSets([{ from: 0, set: { ...parameterSet({ version: 3 }), statements: 'none' } as never }]);
    const finding = examine(record(), { block: BLOCK, parameters: broken.at(BLOCK) }, context);
    expect(finding).toMatchObject({ verdict: 'PARAMETERS_UNKNOWN', basis: { parameters: { version: 3 } }, detail: expect.stringContaining('statements') });
  });

  it('a set that counts a topic\'s partitions otherwise than the topic is unusable: a household would have two memories', () => {
    const document = serializeParameterSet(parameterSet({ partitions: { telemetry: 2, 'bci-intent': 4 } }));
    const sets = new ParameterSets({ rootAt: () => 'known', parametersAt: () => ({ version: 1, document }) });
    expect(sets.at({ number: 1, hash: Buffer.alloc(32), timestampMs: 0 })).toMatchObject({ set: null, why: 'it gives telemetry 2 partitions, the topic has 4' });
  });

  it('is not used under another version than the chain gave it', () => {
    const sets = new ParameterSets({ rootAt: () => 'known', parametersAt: () => ({ version: 4, document: serializeParameterSet(parameterSet()) }) });
    expect(sets.at(BLOCK)).toMatchObject({ version: 4, set: null, why: expect.stringContaining('calls itself version 1') });
  });

  it('that names a statement unknown here is found before anything is judged by it', () => {
    const [row] = parameterSet().statements;
    const of = (change: object) => unsupportedStatements(parameterSet({ statements: [{ ...row!, ...change }] }), 'telemetry');
    expect(of({})).toEqual([]);
    expect(of({ circuit: 'telemetry64' })).toHaveLength(1);
    expect(of({ kind: 2 })).toHaveLength(1);
    expect(() => judge(record(telemetry({ circuit: 'telemetry64' })), basis(parameterSet({ statements: [{ ...row!, circuit: 'telemetry64' }] })))).toThrow(TypeError);
  });
});

describe('other topics', () => {
  it('an intent is checked by the same code up to its statement, which no set has yet', () => {
    const of = (event = intent(), change = {}) => verdictOf(judge(raw(CODEC.encode('bci-intent', event), { topic: 'bci-intent', ...change })));
    expect(of()).toBe('STATEMENT_UNKNOWN');
    expect(of(intent({ nullifier: alias }))).toBe('FIELD_NOT_CANONICAL');
    expect(of(intent(), { key: null })).toBe('KEY_MISMATCH');
  });

  it('a block is recorded, judged by no block and no set; bytes that are none are malformed', () => {
    const block = CODEC.encode('chain-events', {
      chainId: 1, number: 7, hash: BLOCK.hash, parentHash: BLOCK.hash, timestamp: NOW, logs: [],
    });
    const on = { block: null, parameters: parameterSets([]).at(null) };
    expect(examine(raw(block, { topic: 'chain-events' }), on, context)).toMatchObject({ verdict: 'RECORDED', basis: { block: null, parameters: { version: 0 } } });
    expect(examine(raw(block.subarray(0, -1), { topic: 'chain-events' }), on, context)).toMatchObject({ verdict: 'MALFORMED' });
    expect(examine(raw(null, { topic: 'chain-events' }), on, context)).toMatchObject({ verdict: 'MALFORMED' });
  });

  it('a fault of the judge is no verdict', () => {
    const faulty = { ...context, decode: () => { throw new RangeError('out of memory'); } };
    expect(() => examine(record(), basis(), faulty)).toThrow('out of memory');
  });
});
