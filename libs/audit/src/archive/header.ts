// Block headers as bytes: RLP whose Keccak-256 is the block's hash (yellow paper, section 4.3; EIP-1559, 4895, 4844, 4788, 7685 add fields at the end).
import { decodeRlp, encodeRlp, keccak256, toBeArray } from 'ethers';
import { z } from 'zod';
import { AtsError } from '#libs/errors';

/** What a header proves that is needed here. */
export interface Header {
  hash: Buffer;
  parentHash: Buffer;
  transactionsRoot: Buffer;
  receiptsRoot: Buffer;
  /** 256 bytes. */
  logsBloom: Buffer;
  number: number;
  /** Seconds. */
  timestamp: number;
}

/** A block as eth_getBlockByNumber gives it: what is read of it by name; the other fields pass through. */
export const rpcHeader = z.looseObject({ hash: z.string().regex(/^0x[0-9a-f]{64}$/i) });
export type RpcHeader = z.infer<typeof rpcHeader>;

/** JSON names in the header's order. Those from `baseFeePerGas` on came with forks: a header ends before the first that it lacks. */
const FIELDS = [
  'parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom', 'difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'extraData',
  'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed', 'excessBlobGas', 'parentBeaconBlockRoot', 'requestsHash',
] as const;

/** Integers are without leading zeros in RLP; all others are bytes as they stand. */
const INTEGERS = new Set<string>(['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas', 'blobGasUsed', 'excessBlobGas']);

const AT = { parentHash: 0, transactionsRoot: 4, receiptsRoot: 5, logsBloom: 6, number: 8, timestamp: 11 } as const;

/** The header's RLP from a node's JSON; undefined when its Keccak-256 is not the hash that the node gives: a fork that is not known here, or a node that lies. */
export function encodeHeader(block: RpcHeader): Buffer | undefined {
  const values: Uint8Array[] = [];
  for (const field of FIELDS) {
    const text = block[field];
    if (typeof text !== 'string') break;
    if (!/^0x[0-9a-f]*$/i.test(text)) return undefined;
    values.push(INTEGERS.has(field) ? toBeArray(BigInt(text)) : Buffer.from(text.slice(2), 'hex'));
  }
  const rlp = encodeRlp(values);
  return keccak256(rlp) === block.hash.toLowerCase() ? Buffer.from(rlp.slice(2), 'hex') : undefined;
}

/** @throws AtsError ATS_ARCHIVE_CHAIN_INVALID when the bytes are no header. */
export function readHeader(rlp: Buffer): Header {
  const fields = listOf(rlp);
  const bytes = (field: keyof typeof AT, length: number): Buffer => {
    const value = fields[AT[field]];
    if (value?.length !== length) throw invalid(`${field} of a header is not ${length} bytes`);
    return value;
  };
  const integer = (field: keyof typeof AT): number => {
    const value = fields[AT[field]];
    if (value === undefined || value.length > 6) throw invalid(`${field} of a header is no number`);
    return value.length === 0 ? 0 : value.readUIntBE(0, value.length);
  };
  return {
    hash: Buffer.from(keccak256(rlp).slice(2), 'hex'),
    parentHash: bytes('parentHash', 32), transactionsRoot: bytes('transactionsRoot', 32), receiptsRoot: bytes('receiptsRoot', 32), logsBloom: bytes('logsBloom', 256),
    number: integer('number'), timestamp: integer('timestamp'),
  };
}

function listOf(rlp: Buffer): (Buffer | undefined)[] {
  let decoded: unknown;
  try {
    decoded = decodeRlp(rlp);
  } catch {
    throw invalid('a header is not RLP');
  }
  if (!Array.isArray(decoded)) throw invalid('a header is no list');
  return decoded.map((item: unknown) => (typeof item === 'string' ? Buffer.from(item.slice(2), 'hex') : undefined));
}

export function invalid(why: string): AtsError {
  return new AtsError('ATS_ARCHIVE_CHAIN_INVALID', why);
}
