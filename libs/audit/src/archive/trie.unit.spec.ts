import { listRoot, trieRoot } from './trie.js';

const text = (s: string): Buffer => Buffer.from(s);

it('the empty trie has the root that every empty block names', () => {
  expect(listRoot([]).toString('hex')).toBe('56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421');
});

it('the roots of Ethereum\'s own trie tests come out, in any order of the pairs', () => {
  const dogs: [Buffer, Buffer][] = [[text('doe'), text('reindeer')], [text('dog'), text('puppy')], [text('dogglesworth'), text('cat')]];
  expect(trieRoot(dogs).toString('hex')).toBe('8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3');
  expect(trieRoot(dogs.toReversed())).toEqual(trieRoot(dogs));
  const puppies: [Buffer, Buffer][] = [[text('do'), text('verb')], [text('horse'), text('stallion')], [text('doge'), text('coin')], [text('dog'), text('puppy')]];
  expect(trieRoot(puppies).toString('hex')).toBe('5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84');
});

it('a list\'s root tells order, length and every byte', () => {
  const list = Array.from({ length: 300 }, (_, i) => Buffer.alloc(40, i));
  const root = listRoot(list).toString('hex');
  const others = [list.slice(0, -1), [...list, Buffer.alloc(40)], [list[1]!, list[0]!, ...list.slice(2)], list.with(299, Buffer.alloc(41, 43)), list.with(129, Buffer.alloc(40, 1))];
  for (const other of others) expect(listRoot(other).toString('hex')).not.toBe(root);
});
