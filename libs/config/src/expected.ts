import { z } from 'zod';

interface JsonSchema {
  type?: string;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  format?: string;
  pattern?: string;
  default?: unknown;
  expected?: string;
}

/** What a schema takes, in words: its own `.meta({ expected })`, or what its type says. */
export function expectedOf(schema: z.ZodType): string {
  const output = jsonSchema(schema, 'output');
  return output.expected ?? inWords(output) ?? inWords(jsonSchema(schema, 'input')) ?? 'text';
}

/** What stands for the default of a value that may be left out and then is not there. */
export const NO_DEFAULT = 'none';

/** The default as a person would type it, {@link NO_DEFAULT}, or undefined when the value is required. */
export function defaultOf(schema: z.ZodType): string | undefined {
  const absent = schema.safeParse(undefined);
  if (!absent.success) return undefined;
  if (absent.data === undefined) return NO_DEFAULT;
  const { default: declared } = jsonSchema(schema, 'input');
  const value = declared ?? absent.data;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema;
}

function inWords(schema: JsonSchema): string | undefined {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.anyOf !== undefined) {
    const branches = schema.anyOf.filter(({ type }) => type !== 'null').map(inWords);
    return branches.every((branch) => branch !== undefined) ? branches.join(' or ') : undefined;
  }
  switch (schema.type) {
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'a whole number' : 'a number'}${range(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      if (schema.format === 'uri') return 'a URL';
      if (schema.pattern !== undefined) return `text like ${schema.pattern}`;
      return 'text';
    default:
      return undefined;
  }
}

/** zod bounds every integer by the safe ones; those are no news to a person. */
function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const from = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const to = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (from !== undefined && to !== undefined) return ` from ${from} to ${to}`;
  if (from !== undefined) return ` of at least ${from}`;
  if (to !== undefined) return ` of at most ${to}`;
  return exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`;
}
