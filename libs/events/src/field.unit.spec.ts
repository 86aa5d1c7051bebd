import { FIELD_MODULUS, fieldFromBytes, fieldFromText, fieldToBytes, isFieldBytes } from './field.js';

describe('a field element', () => {
  it('is 32 big-endian bytes', () => {
    expect(fieldToBytes(0x0102n).toString('hex')).toBe(`${'00'.repeat(30)}0102`);
    for (const x of [0n, 1n, 255n, FIELD_MODULUS - 1n]) expect(fieldFromBytes(fieldToBytes(x))).toBe(x);
  });

  it('has one name alone: n + r, negative numbers and other lengths are refused', () => {
    const bytes = (x: bigint): Buffer => Buffer.from(x.toString(16).padStart(64, '0'), 'hex');
    for (const x of [FIELD_MODULUS, FIELD_MODULUS + 1n, (1n << 256n) - 1n]) {
      expect(() => fieldFromBytes(bytes(x))).toThrow('ATS_FIELD_NOT_CANONICAL');
      expect(() => fieldToBytes(x)).toThrow('ATS_FIELD_NOT_CANONICAL');
    }
    for (const x of [0n, 1n, FIELD_MODULUS - 1n]) expect(isFieldBytes(bytes(x))).toBe(true);
    for (const x of [FIELD_MODULUS, FIELD_MODULUS + 1n, (1n << 256n) - 1n]) expect(isFieldBytes(bytes(x))).toBe(false);
    for (const length of [0, 31, 33]) expect(isFieldBytes(Buffer.alloc(length))).toBe(false);
    expect(() => fieldToBytes(-1n)).toThrow('ATS_FIELD_NOT_CANONICAL');
    for (const length of [0, 31, 33]) expect(() => fieldFromBytes(Buffer.alloc(length))).toThrow('ATS_FIELD_NOT_CANONICAL');
  });

  it('reads a view at its own offset', () => {
    const view = new Uint8Array(Buffer.concat([Buffer.alloc(5, 9), fieldToBytes(77n)])).subarray(5);
    expect(fieldFromBytes(view)).toBe(77n);
  });
});

describe('a text as a field element', () => {
  it('is its UTF-8 bytes, big-endian', () => {
    expect(fieldFromText('ab')).toBe(0x6162n);
    expect(fieldFromText('x'.repeat(31))).toBe(BigInt(`0x${'78'.repeat(31)}`));
  });

  it.each(['', 'x'.repeat(32), '\0a', '\ud800', 'ü'.repeat(16)])('refuses %j, which would have no name or two', (text) => {
    expect(() => fieldFromText(text)).toThrow('ATS_FIELD_NOT_CANONICAL');
  });
});
