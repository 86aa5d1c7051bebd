import { Inject, Injectable } from '@nestjs/common';
import { LOG, type Log } from '#libs/service';
import { Anchoring } from './anchoring.js';
import { bothOrFirstError } from './both.js';
import { LogService } from './log.service.js';

/** Keeps the log and anchors what it has published, side by side on one store. */
@Injectable()
export class ChainAnchor {
  constructor(
    @Inject(LogService) private readonly logs: LogService,
    @Inject(Anchoring) private readonly anchoring: Anchoring,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Until told to stop. @throws AtsError as LogService.open and keep, and Anchoring.prepare do */
  async run(stopping: AbortSignal): Promise<void> {
    const opened = await this.logs.open(stopping);
    if (!opened) return;
    try {
      const worker = this.anchoring.prepare(opened.store, stopping);
      if (!worker) this.log.warn('no account is configured: nothing is anchored');
      await bothOrFirstError(stopping,
        (signal) => this.logs.keep({ opened, signal, onAppended: (leaves, firstIndex) => this.anchoring.appended(firstIndex, leaves.map(({ producedAt }) => producedAt)) }),
        async (signal) => { if (worker) await this.anchoring.run(worker, signal); },
      );
    } finally {
      await opened.store.close();
    }
  }
}
