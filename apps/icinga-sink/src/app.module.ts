import { Module } from '@nestjs/common';
import { IcingaConnection } from './icinga-connection.js';
import { SinkMetrics } from './metrics.js';
import { SinkController } from './sink.controller.js';
import { SinkService } from './sink.service.js';

@Module({ controllers: [SinkController], providers: [IcingaConnection, SinkMetrics, SinkService] })
export class AppModule {}
