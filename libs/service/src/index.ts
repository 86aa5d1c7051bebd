/** The frame of every app: configuration shared by all, logs, health, metrics, start and graceful stop. What an app does stays in the app. */
export { commonConfig, serviceConfig } from './common-config.js';
export { createLog, createNestLog, type Log } from './log.js';
export { Outage } from './outage.js';
export { Readiness } from './readiness.js';
export { runService, STOP_DEADLINE_MS, type RunServiceParameters } from './run-service.js';
export { CONFIG, LOG, ServiceModule, STOPPING, type ServiceParts } from './service.module.js';
export { unlessAborted } from './unless-aborted.js';
