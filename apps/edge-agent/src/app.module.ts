import { Module } from '@nestjs/common';
import { EdgeAgentService } from './agent/edge-agent.service.js';

@Module({ providers: [EdgeAgentService] })
export class AppModule {}
