import { sharesOf, type CpuProfile } from './profile.js';

const frame = (id: number, functionName: string, url: string, children: number[] = []) => ({ id, callFrame: { functionName, url }, children });
const nodes: CpuProfile['nodes'] = [
  frame(1, '(root)', '', [2, 3, 4, 9]),
  frame(2, '(idle)', ''),
  frame(3, '(garbage collector)', ''),
  frame(4, 'handle', 'file:///x/libs/stream/src/exactly-once.ts', [5, 8]),
  frame(5, 'judge', 'file:///x/apps/proof-gate/src/judge.ts', [6, 7]),
  frame(6, 'examine', 'file:///x/libs/verdict/src/examine.ts', [10]),
  frame(7, 'encodeSignals', 'file:///x/libs/proofs/src/native-verifier.ts'),
  frame(8, 'writev', 'node:internal/whatever'),
  frame(9, 'listen', 'file:///x/node_modules/express/index.js'),
  frame(10, 'decode', 'file:///x/libs/events/src/codec.ts', [11]),
  frame(11, 'toString', ''),
];

it('a sample counts for the innermost function that a rule names, whoever called it', () => {
  const samples = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  const { micros, functions } = sharesOf({ nodes, samples, timeDeltas: samples.map((_, i) => 2 ** i) });
  expect(micros).toEqual({ idle: 1, runtime: 2, kafka: 4 + 64, checks: 8 + 16, verify: 32, other: 128, decode: 256 + 512 });
  expect(functions[0]).toEqual({ name: 'toString', part: 'decode', micros: 512 });
});

it('every microsecond of a profile is in one part', () => {
  const samples = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7) % 11));
  const { micros } = sharesOf({ nodes, samples, timeDeltas: samples.map(() => 10) });
  expect(Object.values(micros).reduce((sum, part) => sum + part)).toBe(5000);
});
