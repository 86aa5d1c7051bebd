// What kafkajs as it is installed delivers of a topic's first partition, as JSON lines of values. Arguments: broker, topic, number of records to wait for.
import kafkajs from 'kafkajs';

const [broker, topic, count] = process.argv.slice(2);
const consumer = new kafkajs.Kafka({ clientId: 'unrepaired', brokers: [broker], logLevel: 0 }).consumer({ groupId: `unrepaired-${topic}`, maxWaitTimeInMs: 100 });
let seen = 0;
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    console.log(JSON.stringify(message.value.toString()));
    if (++seen === Number(count)) process.exit(0);
  },
});
