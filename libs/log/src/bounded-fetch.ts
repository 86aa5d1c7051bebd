/** HTTP of the log's clients: one deadline over the whole answer, a bound on its length, no redirects followed. */
import { types } from 'node:util';

export interface Answer { readonly status: number; readonly headers: Headers; readonly body: Buffer }

/** Thrown as an ordinary Error with a reason on one line when nothing answers in time, or too much. */
export async function boundedFetch(url: URL, { maxBytes, timeoutMs, signal, ...init }: {
  maxBytes: number; timeoutMs: number; signal?: AbortSignal | undefined; method?: string; body?: Buffer; headers?: Record<string, string>;
}): Promise<Answer> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, { redirect: 'error', ...init, signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
    return { status: response.status, headers: response.headers, body: await boundedBody(response, maxBytes) };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Error(deadline.aborted ? `no whole answer within ${timeoutMs / 1000} s` : reasonOf(cause), { cause });
  }
}

async function boundedBody(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** fetch says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  if (!types.isNativeError(error)) return String(error);
  const { cause } = error;
  if (!types.isNativeError(cause)) return error.message;
  return cause.message || String((cause as NodeJS.ErrnoException).code);
}

/** `base` with `path` below it, whatever `base` ends in. */
export function urlBelow(base: string, path: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url;
}
