import { readFileSync } from 'node:fs';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AtsError } from '#libs/errors';
import { IcingaClient, ObjectRegistry, readCredentials } from '#libs/icinga';
import { CONFIG, LOG, Outage, Readiness, STOPPING, type Log } from '#libs/service';
import type { SinkConfig } from './config.js';
import { SinkMetrics } from './metrics.js';

/** The one connection to Icinga2: its client, which waits for it as long as it is away, what exists there, and its outages. */
@Injectable()
export class IcingaConnection implements OnApplicationShutdown {
  readonly client: IcingaClient;
  readonly objects: ObjectRegistry;
  /** Of Icinga2 as a whole: it is away, or refuses to be asked. */
  readonly outage: Outage;
  /** It answers, but refuses results. */
  readonly refusal: Outage;

  constructor(
    @Inject(CONFIG) config: SinkConfig,
    @Inject(LOG) log: Log,
    @Inject(Readiness) readiness: Readiness,
    @Inject(STOPPING) stopping: AbortSignal,
    @Inject(SinkMetrics) metrics: SinkMetrics,
  ) {
    this.outage = new Outage('icinga', log, readiness);
    this.refusal = new Outage('icinga results', log, readiness);
    this.client = new IcingaClient({
      url: config.icingaUrl,
      ca: readCa(config.icingaCaFile),
      credentials: readCredentials(config.icingaCredentialsFile),
      connections: config.icingaConnections,
      retrySeconds: Infinity,
      signal: stopping,
      onOutage: (error) => {
        metrics.outages.inc();
        this.outage.begin(error);
      },
      onRecovery: () => this.outage.end(),
    });
    this.objects = new ObjectRegistry(this.client);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.client.close();
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AtsError('ATS_CONFIG_INVALID', `ATTESTREAM_ICINGA_CA_FILE ${file} can't be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
