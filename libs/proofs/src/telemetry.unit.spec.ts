import { FIELD_MODULUS } from '#libs/events';
import { Household } from '../test/telemetry-case.fixture.js';
import { generateSensorKey, isSensorPublicKey, sensorPublicKey, signDigest, SUBGROUP_ORDER, verifyDigest } from './sensor-key.js';
import { evaluateTelemetry, TELEMETRY_SIGNALS, telemetryPublicSignals } from './telemetry.js';

const household = new Household(1);
const input = household.input();

describe('public signals', () => {
  const publics = evaluateTelemetry(input);

  it('stand in the order of the circuit, and accept whole numbers', () => {
    const expected = TELEMETRY_SIGNALS.map((name) => publics[name]);
    expect(telemetryPublicSignals(publics)).toEqual(expected);
    expect(telemetryPublicSignals({ ...publics, state: Number(publics.state), epoch: Number(publics.epoch) })).toEqual(expected);
  });

  it('refuse the alias n + r of each, negative numbers and fractions', () => {
    for (const name of TELEMETRY_SIGNALS) {
      for (const value of [BigInt(publics[name]) + FIELD_MODULUS, FIELD_MODULUS, -1n, -1, 0.5, Number.NaN, 2 ** 53]) {
        expect(() => telemetryPublicSignals({ ...publics, [name]: value })).toThrow(new RegExp(`ATS_FIELD_NOT_CANONICAL.*${name}`));
      }
    }
  });
});

describe('reference', () => {
  it.each([
    ['membership', { siblings: input.siblings.slice(1) }], ['membership', { pathIndices: input.pathIndices.with(0, 2) }],
    ['window', { readings: input.readings.slice(1) }], ['window', { S: input.S + SUBGROUP_ORDER }], ['window', { readings: input.readings.with(3, 0n) }],
    ['range', { secret: FIELD_MODULUS }], ['range', { salt: -1n }], ['range', { siblings: input.siblings.with(2, FIELD_MODULUS) }],
    ['range', { readings: input.readings.with(3, 2n ** 32n) }], ['range', { kWarn: 32n }], ['range', { critHi: 2n ** 32n }],
  ])('names the rule that does not hold: %s', (rule, change) => {
    expect(() => evaluateTelemetry({ ...input, ...change })).toThrow(new RegExp(`ATS_STATEMENT_UNSATISFIED.*${rule}:`));
  });
});

describe('sensor key', () => {
  const key = generateSensorKey();
  const publicKey = sensorPublicKey(key);
  const signature = signDigest(key, 7n);

  it('signs deterministically, and its signature holds for its digest and key alone', () => {
    expect(signDigest(key, 7n)).toEqual(signature);
    expect(verifyDigest(publicKey, 7n, signature)).toBe(true);
    expect(verifyDigest(publicKey, 8n, signature)).toBe(false);
    expect(verifyDigest(sensorPublicKey(generateSensorKey()), 7n, signature)).toBe(false);
  });

  it('says false, and does not throw, for malformed keys and signatures', () => {
    for (const change of [{ S: signature.S + SUBGROUP_ORDER }, { S: -1n }, { R8x: signature.R8x + 1n }, { R8x: signature.R8x + FIELD_MODULUS }, { R8y: 0n }]) {
      expect(verifyDigest(publicKey, 7n, { ...signature, ...change })).toBe(false);
    }
    expect(verifyDigest({ ...publicKey, Ax: publicKey.Ax + FIELD_MODULUS }, 7n, signature)).toBe(false);
    expect(verifyDigest(publicKey, 7n + FIELD_MODULUS, signature)).toBe(false);
  });

  it('is refused off the curve, of low order and with a part of low order', () => {
    const { Ax, Ay } = publicKey;
    expect(isSensorPublicKey(publicKey)).toBe(true);
    // (0, 1) is the identity, (0, -1) of order 2, and (-x, -y) = (x, y) + (0, -1).
    for (const point of [{ Ax: 0n, Ay: 1n }, { Ax: 0n, Ay: FIELD_MODULUS - 1n }, { Ax: FIELD_MODULUS - Ax, Ay: FIELD_MODULUS - Ay }, { Ax: Ax + 1n, Ay }, { Ax: 0n, Ay: 0n }]) {
      expect(isSensorPublicKey(point)).toBe(false);
    }
  });

  it('has 32 bytes and signs field elements', () => {
    expect(() => sensorPublicKey(key.subarray(1))).toThrow(RangeError);
    expect(() => signDigest(key, FIELD_MODULUS)).toThrow(RangeError);
  });
});
