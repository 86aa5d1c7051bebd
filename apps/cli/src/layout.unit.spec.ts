import { layoutOf, portUses } from './layout.js';

it('every port of a run is different, above its base, and has a use', () => {
  const uses = portUses(layoutOf({ home: 'x', portBase: 20_000, households: 40 }));
  expect(new Set(uses.map(({ port }) => port)).size).toBe(uses.length);
  expect(uses.every(({ port, use }) => port >= 20_000 && port < 20_100 && use !== '')).toBe(true);
  expect(uses).toHaveLength(10 + 40);
});
