import { setting } from '#libs/config';
import { z } from 'zod';

/** Names of pino's levels, least severe last. */
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const brokers = z.string()
  .transform((text) => text.split(',').map((broker) => broker.trim()))
  .refine((list) => list.every((broker) => /^[^\s:]+:\d{1,5}$/.test(broker)))
  .meta({ expected: 'host:port, several separated by commas' });

/** What {@link runService} itself reads. */
export const serviceConfig = {
  httpPort: setting('ATTESTREAM_HTTP_PORT', z.coerce.number().int().min(0).max(65535), 'Port of /health/live, /health/ready and /metrics on 127.0.0.1; 0 takes a free one.'),
  logLevel: setting('ATTESTREAM_LOG_LEVEL', z.enum(LOG_LEVELS).default('info'), 'Least severe line that is logged.'),
};

/** Keys that most apps share. */
export const commonConfig = {
  ...serviceConfig,
  kafkaBrokers: setting('ATTESTREAM_KAFKA_BROKERS', brokers, 'Kafka brokers to start from.'),
  registryUrl: setting('ATTESTREAM_REGISTRY_URL', z.url({ protocol: /^https?$/ }), "Root of the schema registry's Confluent API, such as http://127.0.0.1:17402/apis/ccompat/v7."),
  deploymentFile: setting('ATTESTREAM_DEPLOYMENT_FILE', z.string().min(1), 'Path of deployment.json, which names the chain and the contracts.'),
};
