/** OP Stack, Fjord and Isthmus: what a transaction pays beside its execution, as GasPriceOracle and the nodes reckon it. */
export interface OpFeeParameters {
  l1BaseFeeWei: bigint;
  l1BlobBaseFeeWei: bigint;
  /** Scaled by 1e6, as SystemConfig has them. */
  baseFeeScalar: bigint;
  blobBaseFeeScalar: bigint;
  /** Isthmus; both 0 unless the chain's operator has set them. */
  operatorFeeScalar: bigint;
  operatorFeeConstant: bigint;
}

const MIN_TRANSACTION_SIZE = 100n;
const INTERCEPT = -42_585_600n;
const FASTLZ_COEFFICIENT = 836_500n;

/** Fjord's L1 data fee in wei, of the signed transaction's bytes. */
export function l1DataFee(signed: Uint8Array, { l1BaseFeeWei, l1BlobBaseFeeWei, baseFeeScalar, blobBaseFeeScalar }: OpFeeParameters): bigint {
  const perByteScaled = baseFeeScalar * l1BaseFeeWei * 16n + blobBaseFeeScalar * l1BlobBaseFeeWei;
  const regression = INTERCEPT + FASTLZ_COEFFICIENT * BigInt(fastLzLength(signed));
  const least = MIN_TRANSACTION_SIZE * 1_000_000n;
  return ((regression > least ? regression : least) * perByteScaled) / 1_000_000_000_000n;
}

/** Isthmus's operator fee in wei. */
export function operatorFee(gas: bigint, { operatorFeeScalar, operatorFeeConstant }: OpFeeParameters): bigint {
  return (gas * operatorFeeScalar) / 1_000_000n + operatorFeeConstant;
}

const SLOTS = 8192;
const MAX_DISTANCE = 8192;
const MAX_MATCH = 262;
const TAIL = 13;

/** Bytes that FastLZ (level 1) makes of these: only the length is wanted, so nothing is written. */
export function fastLzLength(input: Uint8Array): number {
  const limit = input.length - TAIL; // no match begins behind it
  const seen = new Uint32Array(SLOTS); // where three bytes of this hash were last; 0 at first, which is a place as good as any
  const three = (i: number): number => input[i]! | (input[i + 1]! << 8) | (input[i + 2]! << 16);
  const slot = (value: number): number => (Math.imul(2_654_435_769, value) >>> 19) & (SLOTS - 1);
  let length = 0;
  let taken = 0; // bytes before it are written
  for (let at = 2; at < limit;) {
    const value = three(at);
    const before = seen[slot(value)]!;
    seen[slot(value)] = at;
    if (at - before >= MAX_DISTANCE || three(before) !== value) {
      at++;
      continue;
    }
    length += literals(at - taken);
    const most = input.length - 4 - (at + 3);
    let more = 0; // bytes beyond the three that are equal, and the one that ends them
    for (let equal = true; equal && more < most; more++) equal = input[before + 3 + more] === input[at + 3 + more];
    length += 3 * Math.floor((more - 1) / MAX_MATCH) + ((more - 1) % MAX_MATCH >= 6 ? 3 : 2);
    at += more;
    for (const end = at + 2; at < end; at++) seen[slot(three(at))] = at;
    taken = at;
  }
  return length + literals(input.length - taken);
}

/** Runs of up to 32 bytes, each with one before it. */
function literals(count: number): number {
  return count + Math.ceil(count / 32);
}
