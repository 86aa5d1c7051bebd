import { runService } from '#libs/service';
import { EdgeAgentService } from './agent/edge-agent.service.js';
import { AppModule } from './app.module.js';
import { config } from './config.js';

await runService({ config, module: AppModule, start: (app, stopping) => app.get(EdgeAgentService).run(stopping) });
