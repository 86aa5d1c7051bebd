import { Module, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import { Anchoring } from './anchoring.js';
import { ChainAnchor } from './chain-anchor.js';
import { LogService } from './log.service.js';
import { AnchorMetrics } from './metrics.js';
import { LOG_PATH, LogMiddleware } from './serving.js';

@Module({ providers: [AnchorMetrics, LogService, Anchoring, ChainAnchor] })
export class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(LogMiddleware).forRoutes(`${LOG_PATH}/*path`);
  }
}
