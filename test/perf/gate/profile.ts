/** Where a thread's time went, from a CPU profile of V8: by the file of the innermost function that says it. */

export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string }; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds from the sample before; the first from the profile's start. */
  readonly timeDeltas: readonly number[];
}

/**
 * decode: bytes to events and back (Avro), and their hashes. checks: the rules, the registry, the output. verify: proofs. kafka: client, transactions, sockets.
 * runtime: garbage, and native code that no function of ours called. idle: nothing to do.
 */
export const PARTS = ['decode', 'checks', 'verify', 'kafka', 'runtime', 'idle'] as const;
export type Part = (typeof PARTS)[number];

/** The first that matches a file's address. */
const FILES: readonly (readonly [Part, RegExp])[] = [
  ['kafka', /\/libs\/stream\/|\/node_modules\/kafkajs\/|^node:(net|dns|internal\/(stream_base_commons|net|dns))/],
  ['decode', /\/libs\/events\/|\/node_modules\/avsc\//],
  ['verify', /\/libs\/proofs\/src\/(native|snarkjs|noble|verifiers|pending|worker|proof-codec|bn254|engine)|\/node_modules\/(snarkjs|ffjavascript)\/|^wasm:/],
  ['checks', /\/libs\/(verdict|proofs|chain)\/|\/apps\/proof-gate\/|\/test\/perf\/gate\//],
];
/** V8's own names. */
const META: ReadonlyMap<string, Part> = new Map([['(idle)', 'idle'], ['(garbage collector)', 'runtime'], ['(program)', 'runtime'], ['(root)', 'runtime']]);

export interface Shares {
  /** Microseconds by part; `other` is what no rule names: Nest, metrics. */
  readonly micros: Readonly<Record<Part | 'other', number>>;
  /** The dearest functions, by their own time. */
  readonly functions: readonly { readonly name: string; readonly part: Part | 'other'; readonly micros: number }[];
}

export function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): Shares {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const parts = new Map<number, Part | 'other'>();
  const partOfNode = (id: number): Part | 'other' => {
    const known = parts.get(id);
    if (known !== undefined) return known;
    const { functionName, url } = byId.get(id)!.callFrame;
    const parent = parents.get(id);
    const part = (url === '' ? META.get(functionName) : undefined) ?? partOfFile(url) ?? (parent === undefined || isMeta(byId.get(parent)!) ? 'other' : partOfNode(parent));
    parts.set(id, part);
    return part;
  };
  const micros = { ...Object.fromEntries(PARTS.map((part) => [part, 0])), other: 0 } as Record<Part | 'other', number>;
  const functions = new Map<string, { name: string; part: Part | 'other'; micros: number }>();
  samples.forEach((id, i) => {
    const took = timeDeltas[i] ?? 0;
    const part = partOfNode(id);
    micros[part] += took;
    const { functionName, url } = byId.get(id)!.callFrame;
    const name = `${functionName || '(anonymous)'}${url === '' ? '' : ` ${shortUrl(url)}`}`;
    const entry = functions.get(name) ?? { name, part, micros: 0 };
    entry.micros += took;
    functions.set(name, entry);
  });
  return { micros, functions: [...functions.values()].toSorted((a, b) => b.micros - a.micros).slice(0, 25) };
}

function partOfFile(url: string): Part | undefined {
  return FILES.find(([, pattern]) => pattern.test(url))?.[0];
}

function isMeta({ callFrame: { functionName, url } }: CpuProfile['nodes'][number]): boolean {
  return url === '' && META.has(functionName);
}

/** The last two steps of a path. */
function shortUrl(url: string): string {
  return url.split('?')[0]!.split('/').slice(-2).join('/');
}
