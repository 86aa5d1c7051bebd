/**
 * Loaded into an app before its own code (NODE_OPTIONS=--import=...): a wall clock that is off by TEST_CLOCK_SHIFT_MS. Timers and performance.now() go by the
 * machine's other clock, as they do where a wall clock is wrong.
 */
const shift = Number(process.env.TEST_CLOCK_SHIFT_MS);
const now = Date.now.bind(Date);

globalThis.Date = new Proxy(Date, {
  construct: (target, parameters, self) => Reflect.construct(target, parameters.length === 0 ? [now() + shift] : parameters, self),
  apply: (target) => new target(now() + shift).toString(),
  get: (target, name, self) => (name === 'now' ? () => now() + shift : Reflect.get(target, name, self)),
});
