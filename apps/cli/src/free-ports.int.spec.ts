import { createServer } from 'node:net';
import { freePorts } from '#libs/stack';
import { requireFreePorts } from './free-ports.js';

it('a taken port is named with what it is for, and free ones are not', async () => {
  const [taken, free] = (await freePorts(2)) as [number, number];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
  try {
    await expect(requireFreePorts([{ port: free, use: 'Kafka' }, { port: taken, use: 'the Ethereum node' }]))
      .rejects.toThrow(new RegExp(`^ATS_PORT_IN_USE: [^:]*: 127\\.0\\.0\\.1:${taken} for the Ethereum node\\. `));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  await expect(requireFreePorts([{ port: free, use: 'Kafka' }])).resolves.toBeUndefined();
});
