import { fastLzLength, l1DataFee, operatorFee, type OpFeeParameters } from './op-fee.js';

const parameters: OpFeeParameters = {
  l1BaseFeeWei: 1_000_000_000n, l1BlobBaseFeeWei: 10_000_000n, baseFeeScalar: 2n, blobBaseFeeScalar: 3n, operatorFeeScalar: 0n, operatorFeeConstant: 0n,
};

it('FastLZ makes 21 bytes of a thousand equal ones, and a little more than what it gets of what has no pattern', () => {
  expect([fastLzLength(Buffer.alloc(1000)), fastLzLength(Buffer.alloc(1000, 1)), fastLzLength(Buffer.alloc(0))]).toEqual([21, 21, 0]);
  const pattern = Buffer.from(Array.from({ length: 640 }, (_, i) => (i * i * 31 + i * 17) % 251 ^ (i >> 3)));
  expect(fastLzLength(pattern)).toBeLessThanOrEqual(660);
  expect(fastLzLength(Buffer.concat([pattern, pattern]))).toBeLessThan(fastLzLength(pattern) + 32);
});

it('the L1 data fee grows with the estimated size, from that of 100 bytes on', () => {
  // (16 * 2 * 1e9 + 3 * 1e7) per byte, scaled by 1e6
  expect(l1DataFee(Buffer.alloc(50), parameters)).toBe((100n * 32_030_000_000n) / 1_000_000n);
  const bytes = Buffer.from(Array.from({ length: 900 }, (_, i) => (i * 7919) % 256 ^ (i >> 2)));
  const size = BigInt(fastLzLength(bytes));
  expect(l1DataFee(bytes, parameters)).toBe(((836_500n * size - 42_585_600n) * 32_030_000_000n) / 1_000_000_000_000n);
});

it("the operator fee is the chain's constant and its scalar's share of the gas", () => {
  expect(operatorFee(50_000n, parameters)).toBe(0n);
  expect(operatorFee(50_000n, { ...parameters, operatorFeeScalar: 2_000_000n, operatorFeeConstant: 7n })).toBe(100_007n);
});
