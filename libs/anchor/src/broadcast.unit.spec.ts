import { RpcRefusal } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { outcomeOf } from './broadcast.js';

const refused = (reason: string): RpcRefusal => new RpcRefusal('eth_sendRawTransaction', -32_000, reason, undefined);
const away = new AtsError('ATS_CHAIN_UNREACHABLE', 'no answer');
const codeOf = (outcomes: readonly (AtsError | undefined)[]): string => {
  try {
    return String(outcomeOf(outcomes));
  } catch (error) {
    return isAtsError(error) ? error.code : 'another error';
  }
};

it.each([
  ['one of them took it', [away, undefined, refused('nonce too low')], 'true'],
  ['one of them has it', [away, refused('already known')], 'true'],
  ['another of its nonce is mined', [refused('nonce too low'), refused('insufficient funds for gas * price + value')], 'false'],
  ['another of its nonce pays as much', [refused('replacement transaction underpriced')], 'false'],
  ['blocks ask for more', [refused('max fee per gas less than block base fee')], 'false'],
  ['the account is poor', [refused('insufficient funds for gas * price + value'), away], 'ATS_ANCHOR_BALANCE'],
  ['nobody answers', [away, away], 'ATS_CHAIN_UNREACHABLE'],
  ['they refuse it for another reason', [refused('exceeds block gas limit')], 'ATS_CHAIN_RPC_REFUSED'],
])('a transaction that was sent, when %s', (_, outcomes, outcome) => {
  expect(codeOf(outcomes)).toBe(outcome);
});
