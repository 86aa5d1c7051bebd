import { cloudEventHeaders, newTraceparent } from './headers.js';

const texts = (headers: Record<string, Buffer>): Record<string, string> => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.toString('utf8')]));

it('headers are those of CloudEvents 1.0 binary mode, all values UTF-8', () => {
  const headers = cloudEventHeaders({ id: '7', source: '/edge-agent/küche', type: 'attestream.telemetry', subject: 'load', time: 1_795_000_000_000, traceparent: 'tp' });
  expect(texts(headers)).toEqual({
    ce_specversion: '1.0', ce_id: '7', ce_source: '/edge-agent/küche', ce_type: 'attestream.telemetry', ce_subject: 'load',
    ce_time: '2026-11-18T11:06:40.000Z', 'content-type': 'application/avro', traceparent: 'tp',
  });
});

it('there is no traceparent without a trace', () => {
  expect(cloudEventHeaders({ id: '7', source: '/', type: 't', subject: 's', time: new Date(0) })).not.toHaveProperty('traceparent');
});

describe('newTraceparent', () => {
  const format = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

  it('starts a trace, a new one each time', () => {
    expect(newTraceparent()).toMatch(format);
    expect(newTraceparent()).not.toBe(newTraceparent());
  });

  it('goes on in a parent\'s trace with a span of its own', () => {
    const parent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-00`;
    expect(newTraceparent(parent)).toMatch(new RegExp(`^00-${'ab'.repeat(16)}-[0-9a-f]{16}-00$`));
    expect(newTraceparent(parent)).not.toContain('cd'.repeat(8));
  });

  it.each(['', 'garbage', `00-${'0'.repeat(32)}-${'cd'.repeat(8)}-01`, `ff-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`])('starts a new trace for a malformed parent %j', (parent) => {
    expect(newTraceparent(parent)).toMatch(format);
  });
});
