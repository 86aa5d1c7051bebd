import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { anchorEvents, finalizedHead, JsonRpc } from '#libs/chain';
import { HttpTiles, noteVerifier, openCheckpoint } from '#libs/log';
import { audit } from '../audit/audit.js';
import type { Say } from '../say.js';
import type { Stack } from '../setup/bring-up.js';
import type { Stages } from './stages.js';

/** What the report says of the log; hashes in hex. */
export interface LogFindings {
  log?: { size: number; root: string };
  anchored?: { size: number; root: string; tx: string; block: number; chainId: number; contract: string; finalized: true };
  audit?: { ok: boolean; entries: number };
}

export interface CheckLogParameters {
  stack: Stack;
  stages: Stages;
  findings: LogFindings;
  /** How many source records there are, all of them accounted for. */
  records: number;
  progress(): string;
  say: Say;
  signal: AbortSignal;
}

/** Waits until the log that has come to rest is published and anchored in a finalized block, then has it audited. Nothing of the app's own counting is used. */
export async function checkLog({ stack, stages, findings, records, progress, say, signal }: CheckLogParameters): Promise<void> {
  let seen: number | string = 'nothing published';
  const log = await stages.until('published', 'a signed checkpoint over an entry for each source record', 60, async () => {
    const published = await publishedHead(stack).catch((error: unknown) => void (seen = String(error)));
    seen = published?.size ?? seen;
    return published && published.size >= records ? published : undefined;
  }, { got: ({ size, root }) => `size ${size}, root ${root}`, progress: () => `${seen} of ${records}; ${progress()}` });
  findings.log = log;

  const anchored = await stages.until('anchored', 'the whole log in a finalized block', 120, async () => {
    const newest = await newestAnchor(stack);
    if (newest) findings.anchored = newest;
    return newest && newest.size >= log.size ? newest : undefined;
  }, { got: ({ size, block, tx }) => `size ${size} in block ${block}, transaction ${tx}`, progress: () => `${findings.anchored?.size ?? 0} of ${log.size} are anchored and final; ${progress()}` });

  const audited = await stages.do('audit', 'an audit over all that happened', () => auditAll(stack, say, signal), ({ ok, entries }) => `${entries} entries, ${ok ? 'all holds' : 'violated or unchecked: see audit.json'}`);
  findings.audit = { ok: audited.ok, entries: audited.entries };
  stages.check('audit-holds', audited.ok, 'everything checked, and nothing violated', audited.ok ? `${audited.proofsVerified} proofs verified` : audited.findings.join('; '));
  const sizes = [log.size, audited.entries, records, anchored.size];
  stages.check('log-complete', new Set(sizes).size === 1, 'log size = entries audited = source records = anchored size', sizes.join(' = '));
  stages.check('log-root', log.root === audited.root && log.root === anchored.root, 'the root that the audit recomputed, signed and anchored', `${audited.root} recomputed, ${log.root} signed, ${anchored.root} anchored`);
}

/** The checkpoint that is served, its signature checked. */
async function publishedHead({ log, layout }: Stack): Promise<{ size: number; root: string }> {
  const { size, root } = openCheckpoint(await new HttpTiles(log.url).checkpoint(), noteVerifier(readFileSync(layout.logVkeyFile, 'utf8').trim()));
  return { size, root: root.toString('hex') };
}

/** The newest head of the log in the chain's finalized blocks. */
async function newestAnchor({ deployment, layout, log }: Stack): Promise<LogFindings['anchored']> {
  const rpc = new JsonRpc(`http://127.0.0.1:${layout.ports.chain}`);
  const { number: toBlock } = await finalizedHead(rpc, deployment);
  const events = await anchorEvents({ rpc, deployment, fromBlock: deployment.firstBlock, toBlock });
  const newest = events.findLast((event) => event.type === 'anchored' && event.logId.equals(log.logId));
  return newest?.type !== 'anchored' ? undefined : {
    size: newest.size, root: newest.root.toString('hex'), tx: `0x${newest.transactionHash.toString('hex')}`, block: newest.blockNumber,
    chainId: deployment.chainId, contract: deployment.checkpointAnchor, finalized: true,
  };
}

const auditSchema = z.object({
  ok: z.boolean(), entries: z.number(), proofsVerified: z.number(), root: z.string().nullable(),
  failures: z.array(z.object({ code: z.string(), detail: z.string() })), unchecked: z.array(z.object({ code: z.string(), detail: z.string() })),
});

/** As `make audit` does it, with its reports beside ours. */
async function auditAll({ layout }: Stack, say: Say, signal: AbortSignal) {
  await audit(['--html', join(layout.home, 'audit.html')], layout, say, signal);
  const { failures, unchecked, ...report } = auditSchema.parse(JSON.parse(readFileSync(layout.auditFile, 'utf8')));
  return { ...report, findings: [...failures, ...unchecked].slice(0, 3).map(({ code, detail }) => `${code}: ${detail}`) };
}
