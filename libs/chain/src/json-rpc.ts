import { types } from 'node:util';
import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { Endpoint } from './endpoint.js';

/** One call: `result` checks what the node answers. */
export interface RpcCall<T> { method: string; params: readonly unknown[]; result: z.ZodType<T> }

/** The node understood the request and refused it. `data`: revert data, when a call reverted. */
export class RpcRefusal extends AtsError {
  constructor(method: string, readonly rpcCode: number, readonly reason: string, readonly data: string | undefined) {
    super('ATS_CHAIN_RPC_REFUSED', `${method}: ${reason} (${rpcCode})`);
  }
}

/** `0x1a`, a safe integer. */
export const quantity = z.string().regex(/^0x[0-9a-f]{1,13}$/i).transform(Number);
/** `0x1a` of up to 32 bytes. */
export const bigQuantity = z.string().regex(/^0x[0-9a-f]{1,64}$/i).transform(BigInt);
/** Hex of whole bytes; of exactly `length` when given. */
export const hexBytes = (length?: number) =>
  z.string().regex(length === undefined ? /^0x([0-9a-f]{2})*$/i : new RegExp(`^0x[0-9a-f]{${2 * length}}$`, 'i')).transform((text) => Buffer.from(text.slice(2), 'hex'));

const answer = z.object({
  id: z.int(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});

/** Above what any request of ours is answered with: all receipts of a full block, fifty of the largest transactions. */
const MOST_BYTES = 64 << 20;

/**
 * JSON-RPC 2.0 over HTTP. Nothing is retried here, and no answer is believed before it has the expected shape. Errors name the node as
 * scheme://host:port: what else its URL holds is how a provider knows its customer.
 */
export class JsonRpc {
  readonly #endpoint: Endpoint;

  /**
   * @param signal ends every request, with ATS_CHAIN_UNREACHABLE
   * @throws AtsError ATS_CONFIG_INVALID for what is no HTTP URL.
   */
  constructor(url: string, readonly timeoutMs = 10_000, readonly maxBytes = MOST_BYTES, private readonly signal?: AbortSignal) {
    this.#endpoint = new Endpoint(url);
  }

  /** scheme://host:port: what errors and reports show. */
  get endpoint(): string {
    return this.#endpoint.shown;
  }

  /**
   * @throws AtsError ATS_CHAIN_UNREACHABLE when nothing answers; ATS_CHAIN_RPC_INVALID when the answer is not JSON-RPC, not of the
   * expected shape, or longer than any can be; {@link RpcRefusal} when the node refuses.
   */
  async call<T>(method: string, params: readonly unknown[], result: z.ZodType<T>): Promise<T> {
    const [value] = await this.batch([{ method, params, result }]);
    return value!;
  }

  /** Several calls in one request; results in the calls' order. */
  async batch<T>(calls: readonly RpcCall<T>[]): Promise<T[]> {
    const requests = calls.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }));
    // a request of one is no batch: not every node takes those
    const body = await this.#post(JSON.stringify(requests.length === 1 ? requests[0] : requests));
    const answers = new Map((Array.isArray(body) ? body : [body]).map((item) => {
      const parsed = this.#check(answer, item, 'the answer');
      return [parsed.id, parsed] as const;
    }));
    return calls.map(({ method, result }, id) => {
      const found = answers.get(id);
      if (!found) throw this.#invalid(`${method} got no answer of its own`);
      if (found.error) throw new RpcRefusal(method, found.error.code, this.#endpoint.clean(found.error.message), revertData(found.error.data));
      return this.#check(result, found.result, method);
    });
  }

  async #post(body: string): Promise<unknown> {
    const { url, authorization } = this.#endpoint;
    let text: string;
    let status: number;
    try {
      const response = await fetch(url, {
        method: 'POST', headers: { 'content-type': 'application/json', ...(authorization && { authorization }) }, body,
        signal: AbortSignal.any([AbortSignal.timeout(this.timeoutMs), ...(this.signal ? [this.signal] : [])]),
      });
      status = response.status;
      text = await boundedText(response, this.maxBytes);
    } catch (cause) {
      if (cause instanceof TooLong) throw this.#invalid(cause.message);
      throw new AtsError('ATS_CHAIN_UNREACHABLE', `${this.endpoint}: ${this.#endpoint.clean(reasonOf(cause))}`, { cause });
    }
    try {
      return JSON.parse(text);
    } catch {
      // not kept as the cause: it quotes what the node sent
      if (status >= 500) throw new AtsError('ATS_CHAIN_UNREACHABLE', `${this.endpoint}: HTTP ${status}`);
      throw this.#invalid(`HTTP ${status} with ${JSON.stringify(this.#endpoint.clean(text).slice(0, 60))}`);
    }
  }

  #check<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw this.#invalid(`${what}: ${issue?.path.join('.') || 'value'}: ${issue?.message ?? 'invalid'}`);
  }

  #invalid(why: string): AtsError {
    return new AtsError('ATS_CHAIN_RPC_INVALID', `${this.endpoint}: ${why}`);
  }
}

class TooLong extends Error {}

/** Read no further than the bound: what a node sends is as long as it likes. */
async function boundedText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TooLong(`an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/** fetch says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  const { cause } = error;
  if (!types.isNativeError(cause)) return error.message;
  return cause.message || String((cause as NodeJS.ErrnoException).code); // several addresses that failed have a code alone
}

function revertData(data: unknown): string | undefined {
  return typeof data === 'string' && data.startsWith('0x') ? data : undefined;
}
