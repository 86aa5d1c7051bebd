/** What one writes in an afternoon: kafkajs's eachMessage, snarkjs.groth16.verify, send. Not exactly once, no rules: only whether the proof holds. */
import { readFileSync } from 'node:fs';
import { Kafka } from 'kafkajs';
import * as snarkjs from 'snarkjs';
import { deploymentScope, decodeProof } from '#libs/proofs';
import { EventCodec, messageHash, PROOF_BYTES, type TopicName } from '#libs/events';
import { STATEMENTS, type Policy } from '#libs/verdict';
import { DEPLOYMENT } from '../../support/gate-chain.js';

const { brokers, keyFile, ids, policy } = JSON.parse(process.argv[2]!) as { brokers: string; keyFile: string; ids: Record<TopicName, number>; policy: Policy };
const key: unknown = JSON.parse(readFileSync(keyFile, 'utf8'));
const codec = EventCodec.fromIds(ids);
const scope = deploymentScope(DEPLOYMENT);

const kafka = new Kafka({ clientId: 'naive', brokers: [brokers], logLevel: 0 });
const consumer = kafka.consumer({ groupId: 'naive' });
const producer = kafka.producer();
await Promise.all([consumer.connect(), producer.connect()]);
await consumer.subscribe({ topic: 'telemetry', fromBeginning: true });
consumer.on('consumer.group_join', () => process.stdout.write('ready\n'));
await consumer.run({
  eachMessage: async ({ topic, partition, message: { key: name, value, headers, offset, timestamp } }) => {
    const event = codec.decode('telemetry', value);
    const bound = Object.entries(headers ?? {}) as [string, Buffer][];
    const signals = STATEMENTS.telemetry16.publicSignals(event, { policy, scope, messageHash: messageHash(topic, name, value!, bound) });
    const holds = await snarkjs.groth16.verify(key, signals.map(String), decodeProof(value!.subarray(-PROOF_BYTES)));
    await producer.send({ topic: 'naive-verdicts', messages: [{ key: name, value: JSON.stringify({ topic, partition, offset, timestamp, holds }) }] });
  },
});
