import { Controller, Get, HttpStatus, Inject, Res } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Readiness } from './readiness.js';

/** The part of the HTTP adapter's response that is used here. */
interface StatusResponse {
  status(code: number): unknown;
  type(contentType: string): unknown;
}

@Controller('health')
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  /** 200 as long as the event loop turns. */
  @Get('live')
  live(): { live: true } {
    return { live: true };
  }

  /** 200 when nothing is waited for, else 503; the body names each thing. */
  @Get('ready')
  ready(@Res({ passthrough: true }) response: StatusResponse): ReturnType<Readiness['status']> {
    if (!this.readiness.ready) response.status(HttpStatus.SERVICE_UNAVAILABLE);
    return this.readiness.status();
  }
}

@Controller('metrics')
export class MetricsController {
  constructor(@Inject(Registry) private readonly metrics: Registry) {}

  /** Prometheus text format. */
  @Get()
  async read(@Res({ passthrough: true }) response: StatusResponse): Promise<string> {
    response.type(this.metrics.contentType);
    return await this.metrics.metrics();
  }
}
