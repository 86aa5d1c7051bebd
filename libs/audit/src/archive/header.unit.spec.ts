import { decodeRlp, encodeRlp, keccak256 } from 'ethers';
import { encodeHeader, readHeader } from './header.js';
import { encodeReceipt, receiptLogs, rpcReceipt } from './receipts.js';

const zeros = (bytes: number): string => `0x${'00'.repeat(bytes)}`;
const EMPTY_TRIE = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';

/** The first block of Ethereum's main net. */
const GENESIS = {
  hash: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3', parentHash: zeros(32), sha3Uncles: '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347', miner: zeros(20),
  stateRoot: '0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544', transactionsRoot: EMPTY_TRIE, receiptsRoot: EMPTY_TRIE, logsBloom: zeros(256), difficulty: '0x400000000', number: '0x0',
  gasLimit: '0x1388', gasUsed: '0x0', timestamp: '0x0', extraData: '0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa', mixHash: zeros(32), nonce: '0x0000000000000042',
};

it('main net\'s first header has the hash that everybody knows', () => {
  const header = readHeader(encodeHeader(GENESIS)!);
  expect(header).toMatchObject({ number: 0, timestamp: 0 });
  expect(`0x${header.hash.toString('hex')}`).toBe(GENESIS.hash);
});

it.each([
  ['London', { baseFeePerGas: '0x7' }],
  ['Shanghai', { baseFeePerGas: '0x7', withdrawalsRoot: EMPTY_TRIE }],
  ['Cancun', { baseFeePerGas: '0x7', withdrawalsRoot: EMPTY_TRIE, blobGasUsed: '0x0', excessBlobGas: '0x20000', parentBeaconBlockRoot: zeros(32) }],
  ['Prague', { baseFeePerGas: '0x7', withdrawalsRoot: EMPTY_TRIE, blobGasUsed: '0x0', excessBlobGas: '0x20000', parentBeaconBlockRoot: zeros(32), requestsHash: zeros(32) }],
])('the fields that %s added stand behind the others, integers without leading zeros', (_, fields) => {
  const own = decodeRlp(encodeHeader(GENESIS)!) as string[];
  const added = Object.entries(fields).map(([name, value]) => (/Gas$|Used$/.test(name) ? (value === '0x0' ? '0x' : `0x${value.slice(2).padStart(value.length - 2 + (value.length % 2), '0')}`) : value));
  const rlp = encodeRlp([...own, ...added]);
  const encoded = encodeHeader({ ...GENESIS, ...fields, hash: keccak256(rlp) });
  expect(encoded?.toString('hex')).toBe(rlp.slice(2));
  // one of them left out or changed is another header
  expect(encodeHeader({ ...GENESIS, ...fields, hash: keccak256(rlp), baseFeePerGas: '0x8' })).toBeUndefined();
  expect(encodeHeader({ ...GENESIS, hash: keccak256(rlp) })).toBeUndefined();
});

it('a receipt has its type in front, and what a deposit of the OP stack adds behind', () => {
  const log = { address: zeros(20), topics: [zeros(32)], data: '0x0102' };
  const base = { cumulativeGasUsed: '0x5208', logsBloom: zeros(256), logs: [log] };
  const encode = (change: object) => encodeReceipt(rpcReceipt.parse({ ...base, ...change }));
  const fields = (receipt: Buffer) => decodeRlp(receipt) as unknown[];
  expect(fields(encode({ status: '0x1', type: '0x0' })).slice(0, 2)).toEqual(['0x01', '0x5208']);
  expect(fields(encode({ status: '0x0' }))[0]).toBe('0x');
  expect(fields(encode({ root: zeros(32) }))[0]).toBe(zeros(32));
  expect(encode({ status: '0x1', type: '0x2' })[0]).toBe(2);
  const deposit = encode({ status: '0x1', type: '0x7e', depositNonce: '0x5', depositReceiptVersion: '0x1' });
  expect([deposit[0], ...fields(deposit.subarray(1)).slice(4)]).toEqual([0x7e, '0x05', '0x01']);
  for (const receipt of [encode({ status: '0x1' }), encode({ status: '0x1', type: '0x2' }), deposit]) {
    expect(receiptLogs(receipt)).toEqual([{ address: Buffer.alloc(20), topics: [Buffer.alloc(32)], data: Buffer.from('0102', 'hex') }]);
  }
});

it.each(['', 'c0', '00', 'ff', 'f90100'])('%s is no header and no receipt', (hex) => {
  expect(() => readHeader(Buffer.from(hex, 'hex'))).toThrow(/ATS_ARCHIVE_CHAIN_INVALID/);
  expect(() => receiptLogs(Buffer.from(hex, 'hex'))).toThrow(/ATS_ARCHIVE_CHAIN_INVALID/);
});
