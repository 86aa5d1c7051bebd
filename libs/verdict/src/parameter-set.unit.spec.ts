import { parameterSet } from '../../../test/support/gate-records.js';
import { parseParameterSet, serializeParameterSet, type ParameterSet } from './parameter-set.js';

const publish = (change: object) => parseParameterSet(serializeParameterSet({ ...parameterSet(), ...change } as ParameterSet));
const [statement] = parameterSet().statements;
const [policy] = parameterSet().policies;
const [schema] = parameterSet().schemas;

describe('a parameter set', () => {
  it('is read back from its canonical bytes', () => {
    expect(parseParameterSet(serializeParameterSet(parameterSet()))).toEqual(parameterSet());
  });

  it('has one canonical form, whatever order its members were written in', () => {
    const reversed = Object.fromEntries(Object.entries(parameterSet()).reverse()) as ParameterSet;
    expect(serializeParameterSet(reversed)).toEqual(serializeParameterSet(parameterSet()));
    expect(serializeParameterSet(parameterSet()).toString()).toMatch(/^\{"partitions":\{"bci-intent":4,"telemetry":4\},"policies":\[\{"critHi":800,/);
  });

  it.each([
    ['white space', (text: string) => `${text}\n`],
    ['another order of members', (text: string) => text.replace('"bci-intent":4,"telemetry":4', '"telemetry":4,"bci-intent":4')],
    ['a member given twice', (text: string) => text.replace('"version":1', '"version":2,"version":1')],
    ['another spelling of a number', (text: string) => text.replace('"version":1', '"version":1.0')],
    ['an escaped letter', (text: string) => text.replace('home', '\\u0068ome')],
    ['a byte order mark', (text: string) => `\ufeff${text}`],
    ['a member too many', (text: string) => text.replace('"version":1', '"version":1,"x":1')],
    ['half the document', (text: string) => text.slice(0, text.length / 2)],
  ])('with %s is refused', (_name, spoil) => {
    const spoilt = spoil(serializeParameterSet(parameterSet()).toString());
    expect(() => parseParameterSet(Buffer.from(spoilt))).toThrow(/^ATS_PARAMETERS_INVALID: /);
  });

  it('that is not UTF-8 is refused', () => {
    expect(() => parseParameterSet(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/ATS_PARAMETERS_INVALID: .*not JSON in UTF-8/);
  });

  it.each([
    ['a schema listed twice', { schemas: [schema, schema] }, 'is listed twice'],
    ['a statement listed twice', { statements: [statement, statement] }, 'is listed twice'],
    ['a policy listed twice', { policies: [policy, { ...policy, kWarn: 1 }] }, 'is listed twice'],
    ['two windows for one topic', { statements: [statement, { ...statement, circuit: 'telemetry64', epochSeconds: 60 }] }, 'differ in kind'],
    ['two acceptance windows for one topic', { statements: [statement, { ...statement, circuit: 'telemetry64', acceptSeconds: 90 }] }, 'differ in kind'],
    ['an action window beyond acceptance', { statements: [{ ...statement, actSeconds: 86_401 }] }, 'above acceptSeconds'],
    ['an epoch of no length', { statements: [{ ...statement, epochSeconds: 0 }] }, 'epochSeconds'],
    ['an epoch that the floor could not follow', { statements: [{ ...statement, epochSeconds: 901 }] }, 'epochSeconds'],
    ['more than a week of acceptance', { statements: [{ ...statement, acceptSeconds: 7 * 86_400 + 1 }] }, 'acceptSeconds'],
    ['an upper-case key hash', { statements: [{ ...statement, verificationKey: 'AB'.repeat(32) }] }, 'verificationKey'],
    ['bounds the wrong way round', { policies: [{ ...policy, warnLo: 401 }] }, 'above its upper bound'],
    ['a bound beyond 32 bits', { policies: [{ ...policy, critHi: 2 ** 32 }] }, 'critHi'],
    ['a count that the circuit does not take', { policies: [{ ...policy, kCrit: 32 }] }, 'kCrit'],
    ['no partitions', { partitions: { telemetry: 0, 'bci-intent': 4 } }, 'partitions.telemetry'],
    ['a version 0', { version: 0 }, 'version'],
    ['another document type', { schema: 'attestream/parameter-set/2' }, 'schema'],
  ])('with %s is refused, and the line says where', (_name, change, where) => {
    expect(() => publish(change)).toThrow(new RegExp(`^ATS_PARAMETERS_INVALID: .*${where}`));
  });
});
