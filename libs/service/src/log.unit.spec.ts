import { AtsError } from '#libs/errors';
import { createLog, createNestLog } from './log.js';

function setUp(level = 'debug'): { log: ReturnType<typeof createLog>; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { log: createLog('sample', level, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) }), lines };
}

it('writes one JSON object a line: time in ISO 8601, level by name, app and message', () => {
  const { log, lines } = setUp();
  log.info({ offset: 7 }, 'verified');
  expect(lines).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string, app: 'sample', offset: 7, msg: 'verified' }]);
});

it('writes an AtsError as its code and its line, without a stack', () => {
  const { log, lines } = setUp();
  const err = new AtsError('ATS_PORT_IN_USE', '127.0.0.1:1');
  log.warn({ err }, 'no');
  expect(lines[0]!['err']).toEqual({ code: 'ATS_PORT_IN_USE', message: err.message });
});

it('leaves out what is less severe than its level', () => {
  const { log, lines } = setUp('warn');
  log.info('no');
  log.error('yes');
  expect(lines.map(({ msg }) => msg)).toEqual(['yes']);
});

describe('Nest\'s log', () => {
  it('keeps levels and contexts, and takes Nest\'s own start for debugging', () => {
    const { log, lines } = setUp();
    const nest = createNestLog(log);
    nest.log('starting', 'InstanceLoader');
    nest.log('connected', 'Kafka');
    nest.warn('slow', 'Kafka');
    nest.error('failed', 'the stack', 'Kafka');
    nest.error(new Error('broken'), 'Kafka');
    expect(lines.map(({ level, context, msg }) => [level, context, msg])).toEqual([
      ['debug', 'InstanceLoader', 'starting'], ['info', 'Kafka', 'connected'], ['warn', 'Kafka', 'slow'], ['error', 'Kafka', 'failed'], ['error', 'Kafka', 'broken'],
    ]);
    expect(lines[3]!['stack']).toBe('the stack');
    expect(lines[4]!['err']).toMatchObject({ message: 'broken' });
  });
});
