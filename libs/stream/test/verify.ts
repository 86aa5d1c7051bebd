import type { KafkaRecord } from '#libs/events';

const text = ({ value }: KafkaRecord) => value!.toString();

/**
 * What is wrong with the topics of a run, from the logs alone: each input record must have one verdict, in offset order, and each first
 * occurrence of a key one output record. Empty when the run was exactly once.
 */
export function violations(inputs: KafkaRecord[][], outputs: KafkaRecord[][], audit: KafkaRecord[]): string[] {
  const wrong: string[] = [];
  const verdicts = new Map<string, string>();
  const lastOf = new Map<string, number>();
  for (const record of audit) {
    const name = record.key!.toString();
    const [partition, offset] = name.split('/') as [string, string];
    if (verdicts.has(name)) wrong.push(`two verdicts for ${name}`);
    verdicts.set(name, text(record));
    if (Number(offset) <= (lastOf.get(partition) ?? -1)) wrong.push(`verdict for ${name} out of order`);
    lastOf.set(partition, Number(offset));
  }
  for (const [partition, input] of inputs.entries()) {
    const seen = new Set<string>();
    const want: string[] = [];
    for (const { key, offset } of input) {
      const name = key!.toString();
      const verdict = seen.has(name) ? 'SEEN' : 'NEW';
      const got = verdicts.get(`${partition}/${offset}`);
      if (got !== verdict) wrong.push(`${partition}/${offset} is ${got ?? 'without a verdict'}, not ${verdict}`);
      verdicts.delete(`${partition}/${offset}`);
      if (!seen.has(name)) want.push(`${name}@${offset}`);
      seen.add(name);
    }
    const got = outputs[partition]!.map((record) => `${record.key!.toString()}@${text(record)}`);
    if (got.join() !== want.join()) wrong.push(`output ${partition} has ${got.length} records, not the ${want.length} that its input makes`);
  }
  for (const name of verdicts.keys()) wrong.push(`a verdict for ${name}, which is no input`);
  return wrong;
}
