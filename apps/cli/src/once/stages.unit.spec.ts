import { Stages } from './stages.js';

const never = { look: () => undefined, describe: { got: String, progress: () => 'kafka is down' } };

function stages() {
  const lines: string[] = [];
  const stop = new AbortController();
  return { lines, stop, stages: new Stages((line) => lines.push(line), stop.signal) };
}

it('a stage that comes is a check that holds, and gives what came', async () => {
  const { stages: given, lines } = stages();
  let looks = 0;
  const value = await given.until('first', 'a two', 10, () => (++looks === 2 ? looks : undefined), { got: (n) => `a ${n}`, progress: () => 'nothing' });
  expect(value).toBe(2);
  expect(given.checks).toEqual([{ id: 'first', ok: true, want: 'a two', got: expect.stringMatching(/^a 2 \(\d\.\d s\)$/) as string }]);
  expect(lines).toEqual([expect.stringMatching(/^ {2}ok {3}first: a 2/)]);
});

it('a stage that does not come in time fails its check and ends the job under its name', async () => {
  const { stages: given, lines } = stages();
  await expect(given.until('first', 'a two', 0.001, never.look, never.describe)).rejects.toMatchObject({
    code: 'ATS_STAGE_MISSING', message: expect.stringContaining('first: wanted a two, got kafka is down after 0.001 s') as string,
  });
  expect(given.checks).toEqual([{ id: 'first', ok: false, want: 'a two', got: 'kafka is down after 0.001 s' }]);
  expect(lines).toEqual(['  FAIL first: kafka is down after 0.001 s']);
});

it('work that fails, and a look that fails, fail their stage', async () => {
  const { stages: given } = stages();
  const broken = () => Promise.reject(new Error('no broker'));
  await expect(given.do('work', 'it', broken, String)).rejects.toMatchObject({ code: 'ATS_STAGE_MISSING' });
  await expect(given.until('look', 'it', 10, broken, never.describe)).rejects.toMatchObject({ code: 'ATS_STAGE_MISSING' });
  expect(given.checks).toMatchObject([{ id: 'work', ok: false, got: 'no broker' }, { id: 'look', ok: false, got: 'no broker' }]);
});

it('a stop ends the wait at once, and the stage has not come', async () => {
  const { stages: given, stop } = stages();
  const waiting = given.until('first', 'a two', 3_600, never.look, never.describe);
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'ATS_STAGE_MISSING' });
  expect(given.checks).toEqual([{ id: 'first', ok: false, want: 'a two', got: 'it was stopped before' }]);
});
