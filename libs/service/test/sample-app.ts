/** An app that does what SAMPLE_DOES says, for the tests of runService. */
import { Controller, Inject, Module } from '@nestjs/common';
import { EventPattern, Payload, Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { defineConfig, setting, type ConfigValues } from '#libs/config';
import { AtsError } from '#libs/errors';
import { z } from 'zod';
import { CONFIG, LOG, Outage, Readiness, runService, serviceConfig, type Log } from '../src/index.js';

const config = defineConfig('sample', {
  ...serviceConfig,
  does: setting('ATTESTREAM_SAMPLE_DOES', z.enum(['work', 'throw', 'refuse', 'reject', 'hang', 'outage']).default('work'), 'What the sample does.'),
});

/** Hands one batch to the handler and drains for a while on close. */
class OneBatch extends Server implements CustomTransportStrategy {
  listen(callback: () => void): void {
    callback();
    void this.messageHandlers.get('readings')?.([1, 2, 3]);
  }

  async close(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.stdout.write('{"msg":"drained"}\n');
  }

  override on(): never {
    throw new Error('no such event');
  }

  override unwrap(): never {
    throw new Error('nothing inside');
  }
}

@Controller()
class Readings {
  constructor(@Inject(LOG) private readonly log: Log, @Inject(CONFIG) private readonly values: ConfigValues<typeof config.settings>, @Inject(Readiness) private readonly readiness: Readiness) {}

  @EventPattern('readings')
  handle(@Payload() batch: number[]): void {
    this.log.info({ batch, does: this.values.does, ready: this.readiness.ready }, 'handled');
  }

  onApplicationShutdown(): void {
    this.log.info('closed');
  }
}

@Module({ controllers: [Readings], providers: [OneBatch] })
class SampleModule {}

await runService({
  config,
  module: SampleModule,
  strategy: (app) => app.get(OneBatch),
  async start(app, stopping) {
    const { does } = app.get<ConfigValues<typeof config.settings>>(CONFIG);
    if (does === 'throw') throw new TypeError('no such thing');
    if (does === 'refuse') throw new AtsError('ATS_TOPIC_MISMATCH', 'telemetry has 3 partitions');
    if (does === 'reject') void Promise.reject(new Error('nobody waits'));
    if (does === 'hang') await new Promise(() => setInterval(() => undefined, 1000));
    let attempts = 0;
    if (does === 'outage') {
      await new Outage('broker', app.get<Log>(LOG), app.get(Readiness)).outlast(() => {
        if (++attempts < 4) throw new AtsError('ATS_BROKER_UNREACHABLE', '127.0.0.1:1');
        return Promise.resolve();
      }, stopping);
    }
  },
});
