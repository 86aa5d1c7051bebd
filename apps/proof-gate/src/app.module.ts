import { Module } from '@nestjs/common';
import { GateService } from './gate.service.js';
import { GateMetrics } from './metrics.js';

@Module({ providers: [GateMetrics, GateService] })
export class AppModule {}
