/** Icinga2: a node of our own, a client of its API, the memory of which objects exist. What a verified event becomes there is icinga-sink's rule. */
export { IcingaClient, readCredentials, type IcingaClientOptions } from './client.js';
export { prepareIcingaNode, type IcingaNode, type PrepareIcingaNodeParameters } from './node.js';
export { HOST_TEMPLATE, ObjectRegistry, SERVICE_TEMPLATE } from './object-registry.js';
export { SERVICE_STATES, type CheckResult, type HostView, type IcingaStatus, type ServiceState, type ServiceView, type Submission } from './types.js';
