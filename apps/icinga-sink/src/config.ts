import { defineConfig, setting } from '#libs/config';
import { commonConfig, serviceConfig } from '#libs/service';
import { z } from 'zod';

export const config = defineConfig('icinga-sink', {
  ...serviceConfig,
  kafkaBrokers: commonConfig.kafkaBrokers,
  registryUrl: commonConfig.registryUrl,
  icingaUrl: setting('ATTESTREAM_ICINGA_URL', z.url({ protocol: /^https$/ }), "Root of Icinga2's API, such as https://127.0.0.1:17405."),
  icingaCaFile: setting('ATTESTREAM_ICINGA_CA_FILE', z.string().min(1), 'Path of the CA that signed the certificate of Icinga2, PEM.'),
  icingaCredentialsFile: setting('ATTESTREAM_ICINGA_CREDENTIALS_FILE', z.string().min(1), 'Path of a file with one line user:password, the ApiUser `sink`.'),
  icingaConnections: setting('ATTESTREAM_ICINGA_CONNECTIONS', z.coerce.number().int().min(1).max(64).default(16), 'Connections over which results are submitted, up to 32 at once on each.'),
  freshnessSeconds: setting('ATTESTREAM_SINK_FRESHNESS_SECONDS', z.coerce.number().int().min(1).max(86_400).default(90),
    'How long a state stands, from the broker timestamp of its source record; then silence turns it UNKNOWN. Three epochs.'),
  memberFile: setting('ATTESTREAM_SINK_MEMBER_FILE', z.string().min(1).optional(), 'File with the group member id, one for each instance: after a crash the next start need not wait for the dead member to time out.'),
});

export type SinkConfig = ReturnType<typeof config.load>;
