import { getBytes, keccak256 } from 'ethers';

/**
 * Whether a block's bloom filter (256 bytes) may hold an address or topic; false is certain (Ethereum yellow paper, section 4.3.1: three bits of
 * 2048, each from the low 11 bits of a pair of bytes of the item's Keccak-256).
 * @param item hex, 20 or 32 bytes
 */
export function bloomHas(bloom: Uint8Array, item: string): boolean {
  const hash = getBytes(keccak256(item));
  return [0, 2, 4].every((i) => {
    const bit = ((hash[i]! << 8) | hash[i + 1]!) & 0x7ff;
    return (bloom[255 - (bit >> 3)]! >> (bit & 7)) & 1;
  });
}
