import { Interface } from 'ethers';
import { checkpointAnchorContract } from '#libs/chain';
import { anchoredBy, type ReceiptLog } from './anchored-by.js';

const contract = '0x00000000000000000000000000000000000000Ab';
const hex = (fill: string) => `0x${fill.repeat(32)}`;
const owner = { contract, logId: hex('11') };
const abi = new Interface(checkpointAnchorContract.abi);
const bytes = (text: string) => Buffer.from(text.slice(2), 'hex');

function log(name: string, values: readonly unknown[], address = contract): ReceiptLog {
  const { topics, data } = abi.encodeEventLog(name, values);
  return { address, topics: topics.map(bytes), data: bytes(data) };
}
const own = log('Anchored', [owner.logId, 20, hex('22')]);

it('the head is the one that the event of the own log names, however the address is spelled', () => {
  expect(anchoredBy([own], owner)).toEqual({ size: 20, root: bytes(hex('22')) });
  expect(anchoredBy([{ ...own, address: contract.toLowerCase() }], owner)).toEqual({ size: 20, root: bytes(hex('22')) });
});

it.each<[string, ReceiptLog]>([
  ['another log', log('Anchored', [hex('33'), 21, hex('44')])],
  ['another contract', log('Anchored', [owner.logId, 21, hex('44')], '0x00000000000000000000000000000000000000Cd')],
  ['another kind', log('LogSuperseded', [owner.logId, hex('33'), 21, hex('44')])],
  ['no event of the contract', { ...own, data: Buffer.alloc(3) }],
])('an event of %s is passed over', (_, other) => {
  expect(anchoredBy([other], owner)).toBeUndefined();
  expect(anchoredBy([other, own], owner)).toMatchObject({ size: 20 });
});
