import { runService } from '#libs/service';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { SinkService } from './sink.service.js';

await runService({
  config,
  module: AppModule,
  strategy: (app) => app.get(SinkService).strategy(),
  start: (app) => app.get(SinkService).run(),
});
