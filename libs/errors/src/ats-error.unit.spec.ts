import { ATS_CODES, AtsError, isAtsError, type AtsCode } from './index.js';

const codes = Object.keys(ATS_CODES) as AtsCode[];

it('is one line: code, what happened, why, what to do', () => {
  expect(new AtsError('ATS_PORT_IN_USE', '127.0.0.1:17400').message)
    .toBe('ATS_PORT_IN_USE: a port is taken: 127.0.0.1:17400. Free it or set ATTESTREAM_PORT_BASE.');
});

it('stays one line when the reason has several', () => {
  expect(new AtsError('ATS_INTERNAL', 'first\n  second\r\nthird').message).toMatch(/: first second third\. /);
  expect(new AtsError('ATS_INTERNAL', 'a\nb').message).not.toMatch(/[\r\n]/);
});

it('takes a remedy of its own, and keeps its cause', () => {
  const cause = new Error('below');
  const error = new AtsError('ATS_INTERNAL', 'x', { todo: 'Do this.', cause });
  expect([error.todo, error.cause, error.message.endsWith('. Do this.')]).toEqual(['Do this.', cause, true]);
});

it('is told from other errors, and by its code', () => {
  const error = new AtsError('ATS_PORT_IN_USE', 'x');
  expect([isAtsError(error), isAtsError(error, 'ATS_PORT_IN_USE'), isAtsError(error, 'ATS_INTERNAL'), isAtsError(new Error('x'))]).toEqual([true, true, false, false]);
});

it.each(codes)('%s says what happened in words that fit before a colon, and what to do as a sentence', (code) => {
  const { what, todo } = ATS_CODES[code];
  expect(code).toMatch(/^ATS_[A-Z0-9]+(_[A-Z0-9]+)*$/);
  expect(what).toMatch(/^\S.*[^.]$/);
  expect(todo).toMatch(/^[A-Z].*\.$/);
});
