import { inputs } from './inputs.js';
import type { Measurement, Scheme } from './measure.js';
import { l1DataFee, operatorFee, type OpFeeParameters } from './op-fee.js';

export type Chain = 'L1' | 'L2';

/** `usdPerEvent` on an L2: execution, L1 data and operator fee. `latencySeconds`: of the first event of a batch until it is final on L1. */
export interface CostRow { scheme: Scheme; chain: Chain; n: number; gasPerEvent: number; usdPerEvent: number; latencySeconds: number; measuredTx: string | null }

const gwei = (value: number): bigint => BigInt(Math.round(value * 1e9));

const opFees: OpFeeParameters = {
  l1BaseFeeWei: gwei(inputs.l1GasPrice.value),
  l1BlobBaseFeeWei: gwei(inputs.l1GasPrice.value * inputs.blobToBaseFee.value),
  baseFeeScalar: BigInt(inputs.baseFeeScalar.value),
  blobBaseFeeScalar: BigInt(inputs.blobBaseFeeScalar.value),
  operatorFeeScalar: BigInt(inputs.operatorFeeScalar.value),
  operatorFeeConstant: BigInt(inputs.operatorFeeConstant.value),
};

export function costRows({ scheme, n, eventsInTransaction, transaction }: Measurement): CostRow[] {
  const { gas, raw, hash } = transaction;
  const wei: Record<Chain, bigint> = {
    L1: BigInt(gas) * gwei(inputs.l1GasPrice.value),
    L2: BigInt(gas) * gwei(inputs.l2GasPrice.value) + l1DataFee(raw, opFees) + operatorFee(BigInt(gas), opFees),
  };
  const batchSeconds = eventsInTransaction === 1 ? 0 : n / inputs.eventsPerSecond.value;
  const chainSeconds: Record<Chain, number> = {
    L1: inputs.l1Slot.value + inputs.l1Finality.value,
    L2: inputs.l2Block.value + inputs.l2Batch.value + inputs.l1Slot.value + inputs.l1Finality.value,
  };
  return (['L1', 'L2'] as const).map((chain) => ({
    scheme, chain, n,
    gasPerEvent: significant(gas / eventsInTransaction),
    usdPerEvent: significant((Number(wei[chain]) / 1e18) * inputs.ethPrice.value / eventsInTransaction),
    latencySeconds: Math.round(batchSeconds + chainSeconds[chain]),
    measuredTx: hash,
  }));
}

function significant(value: number): number {
  return Number(value.toPrecision(6));
}
