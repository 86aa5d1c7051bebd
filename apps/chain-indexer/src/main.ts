import { runService } from '#libs/service';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { IndexingService } from './indexing.service.js';

await runService({ config, module: AppModule, start: (app, stopping) => app.get(IndexingService).run(stopping) });
