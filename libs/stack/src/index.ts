/** The real parts as child processes: where their programs are, how each starts, is ready and stops. What runs on them (topics, contracts, objects) does not belong here. */
export { startAnvil, LOCAL_CHAIN_ID, type AnvilPart, type StartAnvilParameters } from './anvil.js';
export { endOrphans, lockDataFolder, type DataFolderLock } from './data-folder.js';
export { startIcinga, type IcingaPart, type StartIcingaParameters } from './icinga.js';
export { startKafka, type KafkaPart, type StartKafkaParameters } from './kafka.js';
export { startKafkaCluster, type KafkaCluster, type StartKafkaClusterParameters } from './kafka-cluster.js';
export { startPart, type Part, type PartExit, type StartPartParameters } from './part.js';
export { answers, canBind, freePorts } from './ports.js';
export { identityOf, type ProcessIdentity } from './process-identity.js';
export { startRegistry, type RegistryPart, type StartRegistryParameters } from './registry.js';
export { Supervisor, type PartStatus, type SupervisorEvent } from './supervisor.js';
export { cacheFolder, repositoryRoot, resolveTools, systemProgram, type Tools } from './tools.js';
