/** Icinga2: a node of our own, a client of its API, the memory of which objects exist. What a verified event becomes there is icinga-sink's rule. */
export { prepareIcingaNode, type IcingaNode, type PrepareIcingaNodeParameters } from './node.js';
