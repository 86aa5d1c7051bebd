import { OPEN_FILES_CRITICAL } from '../setup/policies.js';
import { filesToOpen } from './raise-open-files.js';

it('as many files are opened as are missing, with a margin above the critical bound', () => {
  const baseline = 2_000;
  const now = 4_500;
  expect(now + filesToOpen({ openFiles: baseline, cores: 2 }, now)).toBeGreaterThan(baseline + OPEN_FILES_CRITICAL + 2_000);
});

it.each([OPEN_FILES_CRITICAL, OPEN_FILES_CRITICAL + 3_000, 10 * OPEN_FILES_CRITICAL])('on a machine %i files above its baseline the metric is raised all the same', (above) => {
  expect(filesToOpen({ openFiles: 2_000, cores: 2 }, 2_000 + above)).toBeGreaterThanOrEqual(3_000);
});
