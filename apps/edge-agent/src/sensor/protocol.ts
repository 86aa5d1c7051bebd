import { windowFromJson, windowToJson, type SignedWindow } from '#libs/edge';
import type { SensorPublicKey } from '#libs/proofs';

/**
 * Sensor and agent speak JSON lines over the sensor's stdin and stdout. The sensor says hello; the agent names the streams it wants; the
 * sensor sends one window and no other until the agent has taken it. So neither side holds more than one line, and a window that no one took is
 * sent again after any crash.
 */
export type ToAgent =
  | { type: 'hello'; publicKey: SensorPublicKey; epochSeconds: number; streams: string[] }
  | { type: 'window'; window: SignedWindow };

export type ToSensor =
  | { type: 'want'; streams: string[] }
  | { type: 'taken'; stream: string; epoch: number };

/** A line longer than this is no message: a window takes about 700 bytes. */
export const MAX_LINE_BYTES = 8192;

export function encodeToAgent(message: ToAgent): string {
  if (message.type === 'window') return line({ type: 'window', window: windowToJson(message.window) });
  const { Ax, Ay } = message.publicKey;
  return line({ ...message, publicKey: { Ax: Ax.toString(), Ay: Ay.toString() } });
}

/** @throws SyntaxError or TypeError for a line that is no message. */
export function decodeToAgent(text: string): ToAgent {
  const message = JSON.parse(text) as { type: string; window: unknown; publicKey: Record<'Ax' | 'Ay', string>; epochSeconds: number; streams: string[] };
  if (message.type === 'window') return { type: 'window', window: windowFromJson(message.window) };
  if (message.type !== 'hello' || !Number.isFinite(message.epochSeconds) || !Array.isArray(message.streams)) throw new TypeError(`unknown message ${message.type}`);
  const { Ax, Ay } = message.publicKey;
  return { type: 'hello', publicKey: { Ax: BigInt(Ax), Ay: BigInt(Ay) }, epochSeconds: message.epochSeconds, streams: message.streams.map(String) };
}

export function encodeToSensor(message: ToSensor): string { return line(message); }

/** @throws SyntaxError or TypeError for a line that is no message. */
export function decodeToSensor(text: string): ToSensor {
  const message = JSON.parse(text) as ToSensor;
  if (message.type === 'want' && Array.isArray(message.streams)) return { type: 'want', streams: message.streams.map(String) };
  if (message.type === 'taken' && Number.isSafeInteger(message.epoch)) return { type: 'taken', stream: String(message.stream), epoch: message.epoch };
  throw new TypeError(`unknown message ${String((message as { type: unknown }).type)}`);
}

function line(message: unknown): string { return `${JSON.stringify(message)}\n`; }
