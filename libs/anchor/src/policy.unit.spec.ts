import { GWEI, firstFees, raisedFees } from './fees.js';
import { isDue, weiOf, type AnchorPolicy } from './policy.js';

describe('an anchor is due', () => {
  const policy: AnchorPolicy = { minEntries: 100, maxAgeSeconds: 600, targetBaseFeeGwei: 20, maxFeeGwei: 50, maxCostWei: 1n };
  it.each([
    ['with enough entries on a cheap chain', { entries: 100, ageSeconds: 0, baseFee: 20n * GWEI }, true],
    ['not with one entry less', { entries: 99, ageSeconds: 0, baseFee: 0n }, false],
    ['not on a dear chain', { entries: 10_000, ageSeconds: 599, baseFee: 20n * GWEI + 1n }, false],
    ['by age, however few and dear', { entries: 1, ageSeconds: 600, baseFee: 10_000n * GWEI }, true],
    ['never without an entry', { entries: 0, ageSeconds: 10_000, baseFee: 0n }, false],
  ])('%s', (_, waiting, due) => {
    expect(isDue(waiting, policy)).toBe(due);
  });

  it('at any price when no target is set', () => {
    const { targetBaseFeeGwei: _, ...priceless } = policy;
    expect(isDue({ entries: 100, ageSeconds: 0, baseFee: 10_000n * GWEI }, priceless)).toBe(true);
  });
});

it('gwei are whole wei', () => {
  expect([weiOf(0.05), weiOf(50), weiOf(1.000000001)]).toEqual([50_000_000n, 50n * GWEI, 1_000_000_001n]);
});

describe('fees', () => {
  it('of a first attempt bear twice the base fee, within the ceiling', () => {
    expect(firstFees({ baseFee: 10n, tip: 3n }, 100n)).toEqual({ maxFeePerGas: 23n, maxPriorityFeePerGas: 3n });
    expect(firstFees({ baseFee: 10n, tip: 3n }, 15n)).toEqual({ maxFeePerGas: 15n, maxPriorityFeePerGas: 3n });
    expect(firstFees({ baseFee: 10n, tip: 3n }, 13n)).toEqual({ maxFeePerGas: 13n, maxPriorityFeePerGas: 3n });
    expect(firstFees({ baseFee: 10n, tip: 3n }, 12n)).toBeUndefined();
  });

  it.each([[0n, 1n], [1n, 2n], [7n, 8n], [8n, 9n], [9n, 11n], [1_000_000_000n, 1_125_000_000n], [1_000_000_001n, 1_125_000_002n]])('of %d wei are raised to %d: at least an eighth, always more', (fee, raised) => {
    expect(raisedFees({ maxFeePerGas: fee + 100n, maxPriorityFeePerGas: fee }, { baseFee: 0n, tip: 0n }, 10n ** 18n)?.maxPriorityFeePerGas).toBe(raised);
  });

  it('follow the market where it asks more than an eighth more', () => {
    expect(raisedFees({ maxFeePerGas: 80n, maxPriorityFeePerGas: 8n }, { baseFee: 100n, tip: 50n }, 1000n)).toEqual({ maxFeePerGas: 250n, maxPriorityFeePerGas: 50n });
    expect(raisedFees({ maxFeePerGas: 80n, maxPriorityFeePerGas: 8n }, { baseFee: 1n, tip: 1n }, 1000n)).toEqual({ maxFeePerGas: 90n, maxPriorityFeePerGas: 9n });
  });

  it('go up to the ceiling and not beyond it', () => {
    expect(raisedFees({ maxFeePerGas: 80n, maxPriorityFeePerGas: 8n }, { baseFee: 100n, tip: 95n }, 90n)).toEqual({ maxFeePerGas: 90n, maxPriorityFeePerGas: 90n });
    expect(raisedFees({ maxFeePerGas: 80n, maxPriorityFeePerGas: 8n }, { baseFee: 1n, tip: 1n }, 89n)).toBeUndefined();
  });
});
