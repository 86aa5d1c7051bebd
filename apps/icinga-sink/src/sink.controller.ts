import { Controller, Inject, UseFilters } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { BatchErrorFilter, type RecordBatch } from '#libs/stream';
import { SinkService } from './sink.service.js';

/** The topics that become check results. */
@Controller()
@UseFilters(new BatchErrorFilter())
export class SinkController {
  constructor(@Inject(SinkService) private readonly sink: SinkService) {}

  @EventPattern('telemetry.verified')
  async telemetry(@Payload() batch: RecordBatch): Promise<void> {
    await this.sink.submit(batch);
  }
}
