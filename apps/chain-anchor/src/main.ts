import { runService } from '#libs/service';
import { AppModule } from './app.module.js';
import { ChainAnchor } from './chain-anchor.js';
import { config } from './config.js';

await runService({ config, module: AppModule, start: (app, stopping) => app.get(ChainAnchor).run(stopping) });
