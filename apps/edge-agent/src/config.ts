import { STREAMS } from '#libs/edge';
import { defineConfig, setting, type ConfigValues } from '#libs/config';
import { ENGINE_CHOICES } from '#libs/proofs';
import { commonConfig } from '#libs/service';
import { ID_PATTERN } from '#libs/verdict';
import { z } from 'zod';

const folder = z.string().min(1);
const every = STREAMS.map(({ stream }) => stream);

const streams = z.string().default(every.join(','))
  .transform((text) => [...new Set(text.split(',').map((stream) => stream.trim()))])
  .refine((list) => list.length > 0 && list.every((stream) => (every as readonly string[]).includes(stream)))
  .meta({ expected: `some of ${every.join(', ')}, separated by commas` });

const command = z.string().optional().transform((text) => (text === undefined ? undefined : text.split(' ').filter(Boolean)))
  .meta({ expected: 'a program and its arguments, separated by spaces' });

export const config = defineConfig('edge-agent', {
  ...commonConfig,
  householdFolder: setting('ATTESTREAM_HOUSEHOLD_DIR', folder, 'Folder with the household\'s secret and public sealing key (createHousehold makes it).'),
  sensorFolder: setting('ATTESTREAM_SENSOR_DIR', folder, 'Folder of the sensor\'s key and journal (createSensor makes it). It is handed to the sensor process; the agent never reads it.'),
  sensorCommand: setting('ATTESTREAM_SENSOR_COMMAND', command, 'Starts the sensor; its folder is added as the last argument. Without it, the sensor that comes with the agent.'),
  policyFamily: setting('ATTESTREAM_POLICY_FAMILY', z.string().regex(ID_PATTERN), 'Family of policies that the sensor\'s leaf is enrolled in.'),
  streams: setting('ATTESTREAM_STREAMS', streams, 'Metrics to publish. One without a policy in the parameter set, or without a source on this machine, is left out.'),
  outboxFolder: setting('ATTESTREAM_OUTBOX_DIR', folder, 'Folder of the durable outbox; it holds unsent readings, so nobody else may read it.'),
  outboxMaxMib: setting('ATTESTREAM_OUTBOX_MAX_MIB', z.coerce.number().int().min(1).default(256), 'Disk that the outbox may take, MiB. When it is full, the sensor keeps its newest 256 windows a stream.'),
  prover: setting('ATTESTREAM_PROVER', z.enum(ENGINE_CHOICES).default('auto'), 'Which implementation makes proofs: native where native/ is built, snarkjs everywhere; auto takes native where it can.'),
  proverThreads: setting('ATTESTREAM_PROVER_THREADS', z.coerce.number().int().min(1).max(64).default(1), 'Threads that prove: snarkjs makes a proof on each, native one proof after the other on all.'),
});

export type AgentConfig = ConfigValues<typeof config.settings>;
