import { ConfigError, defineConfig } from '#libs/config';
import { commonConfig } from './common-config.js';

const config = defineConfig('sample', commonConfig);
const valid = {
  ATTESTREAM_HTTP_PORT: '17410', ATTESTREAM_KAFKA_BROKERS: '127.0.0.1:17400, broker-2.example:9092',
  ATTESTREAM_REGISTRY_URL: 'http://127.0.0.1:17402/apis/ccompat/v7', ATTESTREAM_DEPLOYMENT_FILE: 'deployment.json',
};

it('gives what the apps share', () => {
  expect(config.load(valid)).toEqual({
    httpPort: 17_410, logLevel: 'info', kafkaBrokers: ['127.0.0.1:17400', 'broker-2.example:9092'],
    registryUrl: 'http://127.0.0.1:17402/apis/ccompat/v7', deploymentFile: 'deployment.json',
  });
});

it.each([
  ['ATTESTREAM_KAFKA_BROKERS', ['', 'localhost', ':9092', 'a:1,', 'a:x', 'http://a:1']],
  ['ATTESTREAM_REGISTRY_URL', ['127.0.0.1:17402', 'ftp://a', 'x']],
  ['ATTESTREAM_HTTP_PORT', ['65536', '-1', '1.5', 'x']],
] as const)('refuses wrong values of %s by its name', (key, values) => {
  for (const value of values) {
    expect(() => config.load({ ...valid, [key]: value })).toThrow(ConfigError);
    expect(() => config.load({ ...valid, [key]: value })).toThrow(`${key} is `);
  }
});
