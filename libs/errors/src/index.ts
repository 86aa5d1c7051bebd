/** The closed set of error codes a person can meet, and the error that carries them. No rule or effect lives here. */
export { AtsError, isAtsError } from './ats-error.js';
export { ATS_CODES, type AtsCode } from './codes.js';
