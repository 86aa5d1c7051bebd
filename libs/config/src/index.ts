/** Typed configuration from the environment, its help and its page, and secret files. Which keys an app has is the app's own affair. */
export { ConfigError, defineConfig, setting, type Config, type ConfigValues, type Setting, type Settings } from './define-config.js';
export { configurationPage } from './document.js';
export { readSecretFile } from './secret-file.js';
