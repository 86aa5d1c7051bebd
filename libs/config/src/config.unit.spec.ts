import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAtsError } from '#libs/errors';
import { z } from 'zod';
import { ConfigError, configurationPage, defineConfig, readSecretFile, setting } from './index.js';

const brokers = z.string().transform((text) => text.split(',')).meta({ expected: 'host:port, several separated by commas' });
const config = defineConfig('sample', {
  brokers: setting('ATTESTREAM_BROKERS', brokers, 'Kafka brokers to start from.'),
  port: setting('ATTESTREAM_PORT', z.coerce.number().int().min(1).max(65535).default(8080), 'Port of health and metrics.'),
  level: setting('ATTESTREAM_LEVEL', z.enum(['debug', 'info']).default('info'), 'Least severe log line.'),
  url: setting('ATTESTREAM_URL', z.url().optional(), 'Where to look, a URL.'),
  password: setting('ATTESTREAM_PASSWORD', z.string().min(20).default('x'.repeat(20)), 'Password of the user.'),
});
const faultsOf = (env: Record<string, string>): string[] => {
  try {
    config.load(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ message }) => message);
    throw error;
  }
};

describe('load', () => {
  it('gives typed values and defaults', () => {
    const values = config.load({ ATTESTREAM_BROKERS: 'a:1,b:2', ATTESTREAM_PORT: '9000' });
    const port: number = values.port;
    expect([values.brokers, port, values.level, values.url]).toEqual([['a:1', 'b:2'], 9000, 'info', undefined]);
  });

  it('names each wrong key in a line of its own: key, what was given, what is expected', () => {
    expect(faultsOf({ ATTESTREAM_PORT: '70000', ATTESTREAM_LEVEL: 'loud\nest', ATTESTREAM_URL: 'here' })).toEqual([
      expect.stringMatching(/^ATS_CONFIG_INVALID: .*: ATTESTREAM_BROKERS is missing, expected host:port, several separated by commas\. Set it/),
      expect.stringMatching(/ATTESTREAM_PORT is "70000", expected a whole number from 1 to 65535\./),
      expect.stringMatching(/ATTESTREAM_LEVEL is "loud\\nest", expected one of debug, info\./),
      expect.stringMatching(/ATTESTREAM_URL is "here", expected a URL\./),
    ]);
    for (const line of faultsOf({})) expect(line).not.toContain('\n');
  });

  it('takes an empty variable for a missing one', () => {
    expect(faultsOf({ ATTESTREAM_BROKERS: '' })).toEqual([expect.stringContaining('is missing')]);
    expect(config.load({ ATTESTREAM_BROKERS: 'a:1', ATTESTREAM_PORT: '' }).port).toBe(8080);
  });

  it('refuses a number that is none', () => {
    for (const port of ['abc', '1.5', '-1', '1e9']) expect(faultsOf({ ATTESTREAM_BROKERS: 'a:1', ATTESTREAM_PORT: port })).toHaveLength(1);
  });

  it('never shows a secret', () => {
    const [line] = faultsOf({ ATTESTREAM_BROKERS: 'a:1', ATTESTREAM_PASSWORD: 'hunter2' });
    expect(line).toContain('7 characters, not shown');
    expect(line).not.toContain('hunter2');
    expect(config.help() + configurationPage([config], '/checkout/')).not.toContain('xxx');
  });
});

it('help names each key, its meaning, what it takes and its default', () => {
  expect(config.help()).toContain('ATTESTREAM_PORT\n      Port of health and metrics.\n      Expected: a whole number from 1 to 65535; default 8080.');
  expect(config.help()).toContain('Expected: host:port, several separated by commas; required.');
});

it('the page lists a shared key once, with its apps', () => {
  const other = defineConfig('other', { brokers: config.settings.brokers });
  const third = defineConfig('third', {});
  const page = configurationPage([config, third, other], '/checkout/');
  expect(page.match(/ATTESTREAM_BROKERS/g)).toHaveLength(1);
  expect(page).toContain('| required | other, sample |');
  expect(page).toContain('## sample');
  expect(page).not.toContain('## other');
});

it('the page shows paths in the checkout relative to it', () => {
  const folder = defineConfig('folder', { folder: setting('ATTESTREAM_FOLDER', z.string().default('/checkout/circuits'), 'Folder of the circuits.') });
  expect(configurationPage([folder], '/checkout/')).toContain('| `circuits` |');
});

it('a key can not be defined twice', () => {
  expect(() => defineConfig('twice', { a: config.settings.port, b: config.settings.port })).toThrow('ATTESTREAM_PORT twice');
});

describe('readSecretFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'secret-'));
  const file = join(folder, 'key');
  afterAll(() => rmSync(folder, { recursive: true }));
  const codeOf = (path: string): string => {
    try {
      return readSecretFile(path);
    } catch (error) {
      return isAtsError(error) ? error.code : 'other';
    }
  };

  it('gives the text without its newline when only the owner can read it', () => {
    writeFileSync(file, 'deadbeef\n', { mode: 0o600 });
    expect(readSecretFile(file)).toBe('deadbeef');
  });

  it.each([0o640, 0o604, 0o660, 0o644])('refuses mode %o', (mode) => {
    chmodSync(file, mode);
    expect(codeOf(file)).toBe('ATS_SECRET_EXPOSED');
  });

  it('refuses a missing and an empty file', () => {
    expect(codeOf(join(folder, 'none'))).toBe('ATS_CONFIG_INVALID');
    writeFileSync(join(folder, 'empty'), '\n', { mode: 0o600 });
    expect(codeOf(join(folder, 'empty'))).toBe('ATS_CONFIG_INVALID');
  });
});
