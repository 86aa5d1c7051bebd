import { runService } from '#libs/service';
import { AppModule } from './app.module.js';
import { config } from './config.js';
import { GateService } from './gate.service.js';

await runService({ config, module: AppModule, start: (app, stopping) => app.get(GateService).run(stopping) });
