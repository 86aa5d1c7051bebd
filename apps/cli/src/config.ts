import { defineConfig, setting } from '#libs/config';
import { z } from 'zod';

export const config = defineConfig('cli', {
  home: setting('ATTESTREAM_HOME', z.string().min(1).default('.attestream'), 'Folder of all data of make run.'),
  portBase: setting('ATTESTREAM_PORT_BASE', z.coerce.number().int().min(1024).max(32_700).default(17_400),
    'First port of make run: +0 Kafka, +1 its controller, +2 registry, +3 its management, +4 chain RPC, +5 Icinga2, +10 to +13 apps, +20 and on edge agents.'),
  households: setting('ATTESTREAM_HOUSEHOLDS', z.coerce.number().int().min(1).max(40).default(3), 'How many households make run sets up, each with its edge agent.'),
  seed: setting('ATTESTREAM_SEED', z.coerce.number().int().min(0).max(0x7fff_ffff).optional(), 'Repeats what ONCE=1 draws at random: the readings of the attacks. Its report names the seed.'),
  logLevel: setting('ATTESTREAM_LOG_LEVEL', z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'), 'Least severe line in the logs of the apps.'),
});
