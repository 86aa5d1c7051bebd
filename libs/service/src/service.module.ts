import { Module, type DynamicModule } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { HealthController, MetricsController } from './health.controllers.js';
import type { Log } from './log.js';
import { Readiness } from './readiness.js';

/** Injection token of the app's configuration values. */
export const CONFIG = Symbol('attestream/config');
/** Injection token of the app's {@link Log}. */
export const LOG = Symbol('attestream/log');
/** Injection token of the AbortSignal that is aborted when the app shall stop. */
export const STOPPING = Symbol('attestream/stopping');

export interface ServiceParts {
  app: string;
  values: object;
  log: Log;
  readiness: Readiness;
  stopping: AbortSignal;
}

/** What every app can inject: {@link CONFIG}, {@link LOG}, {@link STOPPING}, Readiness and prom-client's Registry. */
@Module({})
export class ServiceModule {
  static with({ app, values, log, readiness, stopping }: ServiceParts): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: values },
      { provide: LOG, useValue: log },
      { provide: STOPPING, useValue: stopping },
      { provide: Readiness, useValue: readiness },
      { provide: Registry, useValue: createMetrics(app, readiness) },
    ];
    return { module: ServiceModule, global: true, controllers: [HealthController, MetricsController], providers, exports: providers };
  }
}

function createMetrics(app: string, readiness: Readiness): Registry {
  const metrics = new Registry();
  metrics.setDefaultLabels({ app });
  collectDefaultMetrics({ register: metrics });
  new Gauge({
    name: 'attestream_ready', help: '1 when the app waits for nothing, else 0.', registers: [metrics],
    collect() {
      this.set(readiness.ready ? 1 : 0);
    },
  });
  return metrics;
}
