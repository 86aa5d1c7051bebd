import { join } from 'node:path';
import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { serveLog } from '#libs/log';
import { CONFIG } from '#libs/service';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ChainAnchorConfig } from './config.js';

/** Where the log begins below the app's own URL. */
export const LOG_PATH = '/log';

/** Serves the published log, whatever else the app waits for: files that are public stay readable while nothing may be signed. */
@Injectable()
export class LogMiddleware implements NestMiddleware {
  readonly #serve: ReturnType<typeof serveLog>;

  constructor(@Inject(CONFIG) { logDir }: ChainAnchorConfig) {
    this.#serve = serveLog(join(logDir, 'public'));
  }

  use(request: IncomingMessage & { originalUrl: string }, response: ServerResponse): void {
    request.url = request.originalUrl.slice(LOG_PATH.length);
    void this.#serve(request, response); // it answers whatever happens, and never rejects
  }
}
