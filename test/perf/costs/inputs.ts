/** What the figures in money and seconds stand on, each with where it is from. `assumed`: nobody's measurement. */
export interface Input { name: string; value: number; unit: string; source: string; date: string }

const input = (name: string, value: number, unit: string, source: string, date: string): Input => ({ name, value, unit, source, date });
const assumed = (name: string, value: number, unit: string, why: string): Input => input(name, value, unit, `assumed: ${why}`, '2026-11-27');

const FJORD = 'https://docs.base.org/base-chain/specs/upgrades/fjord/exec-engine';

export const inputs = {
  l1GasPrice: input('L1 gas price', 2.7, 'gwei', 'https://www.mexc.ae/learn/article/eth-gas-fees-complete-guide-to-ethereum-gas-tracker-calculator/1 (average of 2025; 72 in 2024)', '2025'),
  ethPrice: input('price of ether', 1950, 'USD', 'https://gateex.org/post/status/18909174', '2026-02'),
  blobToBaseFee: input('L1 blob base fee, of the base fee', 1 / 16, 'ratio', 'https://eips.ethereum.org/EIPS/eip-7918 (the reserve price: below it no blob base fee stays)', '2025-03'),
  baseFeeScalar: assumed('L2 base fee scalar', 5227, '1e-6', 'of the order that OP Mainnet has charged since Fjord; each chain sets its own'),
  blobBaseFeeScalar: assumed('L2 blob base fee scalar', 1_014_213, '1e-6', 'of the order that OP Mainnet has charged since Fjord; each chain sets its own'),
  operatorFeeScalar: input('L2 operator fee scalar', 0, '1e-6', 'https://docs.base.org/upgrades/isthmus/system-config (initial value)', 'read 2026-11'),
  operatorFeeConstant: input('L2 operator fee constant', 0, 'wei', 'https://docs.base.org/upgrades/isthmus/system-config (initial value)', 'read 2026-11'),
  l2GasPrice: assumed('L2 gas price', 0.01, 'gwei', 'base fee and tip of a chain that is not full'),
  fastLz: input('L1 data fee of an L2 transaction', 836_500, 'FastLZ coefficient, 1e-6', FJORD, 'read 2026-11'),
  eventsPerSecond: assumed('events', 100, '1/s', 'a busy installation; the batch interval is N over it'),
  l1Slot: input('L1 inclusion', 12, 's', 'https://ethereum.org/en/developers/docs/blocks/ (a block in twelve seconds)', '2026-02'),
  l1Finality: input('L1 finality', 900, 's', 'https://ethereum.org/en/roadmap/single-slot-finality/ (about 15 minutes)', '2024-05'),
  l2Block: input('L2 inclusion', 2, 's', 'https://www.alchemy.com/rpc/optimism (block time 1 to 2 s)', 'read 2026-11'),
  l2Batch: input('L2 batch to L1', 600, 's', 'https://github.com/ethereum-optimism/docs/pull/1093 (final 20 to 30 minutes after submission: the middle, less L1 finality)', '2024-11'),
} satisfies Record<string, Input>;
