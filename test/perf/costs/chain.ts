import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interface, Wallet } from 'ethers';
import { z } from 'zod';
import { JsonRpc, bigQuantity, quantity } from '#libs/chain';
import { freePorts, startAnvil, type AnvilPart } from '#libs/stack';
import type { Compiled } from './compile.js';

/** A transaction that was mined: the whole of its gas, and the very bytes that were sent. */
export interface Measured { hash: string; gas: number; raw: Buffer; contract: string | undefined }

const receiptSchema = z.object({ status: quantity, gasUsed: bigQuantity, contractAddress: z.string().nullish() });

/** A node of our own that mines each transaction at once, and one account on it. */
export class MeasuringChain {
  #nonce = 0;
  private constructor(readonly rpc: JsonRpc, private readonly wallet: Wallet, private readonly anvil: AnvilPart, private readonly dir: string) {}

  static async start(): Promise<MeasuringChain> {
    const dir = mkdtempSync(join(tmpdir(), 'attestream-costs-'));
    const [port] = (await freePorts(1)) as [number];
    const anvil = await startAnvil({ dir, port });
    // the wallet is always the same: so are the addresses, and the zero bytes in them
    const chain = new MeasuringChain(new JsonRpc(anvil.url), new Wallet(`0x${'a7'.repeat(32)}`), anvil, dir);
    await chain.rpc.call('evm_setAutomine', [true], z.unknown());
    await chain.rpc.call('anvil_setBalance', [chain.address, `0x${(10n ** 21n).toString(16)}`], z.unknown());
    return chain;
  }

  get address(): string {
    return this.wallet.address;
  }

  async deploy({ abi, bytecode }: { abi: readonly object[]; bytecode: string }, args: readonly unknown[] = []): Promise<string> {
    const { contract } = await this.send({ data: bytecode + new Interface(abi).encodeDeploy(args).slice(2) });
    return contract!;
  }

  async call(to: string, { abi }: Pick<Compiled, 'abi'>, name: string, args: readonly unknown[]): Promise<Measured> {
    return this.send({ to, data: new Interface(abi).encodeFunctionData(name, args) });
  }

  async send(request: { to?: string; data: string }): Promise<Measured> {
    const signed = await this.wallet.signTransaction({
      ...request, type: 2, chainId: 31_337, nonce: this.#nonce, gasLimit: 8_000_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n,
    });
    const hash = await this.rpc.call('eth_sendRawTransaction', [signed], z.string());
    this.#nonce++;
    for (;;) {
      const receipt = await this.rpc.call('eth_getTransactionReceipt', [hash], receiptSchema.nullable());
      if (!receipt) continue; // mined at once: asked again at most a few times
      if (receipt.status !== 1) throw new Error(`transaction ${hash} failed`);
      return { hash, gas: Number(receipt.gasUsed), raw: Buffer.from(signed.slice(2), 'hex'), contract: receipt.contractAddress ?? undefined };
    }
  }

  async stop(): Promise<void> {
    await this.anvil.stop();
    rmSync(this.dir, { recursive: true });
  }
}
