import { AtsError, isAtsError, type AtsCode } from '#libs/errors';
import { agreeOnFinal, agreeOnSighting, contradicts, median, reachedByQuorum, upperMedian, type TipView } from './agree.js';
import { asAtsError } from './as-ats-error.js';
import { outcomeOf } from './broadcast.js';
import type { Chain, ChainQuestion, ChainView } from './chain.js';
import { ChainEndpoint, type EndpointState } from './endpoint.js';
import type { AnchorEvent } from './events.js';
import type { JournalOwner } from './journal.js';

export interface EndpointsOptions {
  urls: readonly string[];
  /** How many must say the same; a majority when absent. A minority could be two different ones. */
  quorum?: number | undefined;
  owner: JournalOwner;
  timeoutMs?: number | undefined;
  /** How long one that failed is left alone before it is tried again. */
  retryMs?: number | undefined;
  /** Ends every request. */
  signal?: AbortSignal | undefined;
  onEvent: (event: AnchorEvent) => void;
}

/** `out`: left out of every question. `said`: what was last reported of it. */
interface Member { readonly endpoint: ChainEndpoint; out: boolean; probing: boolean; retryAtMs: number; refusals: number; contradicting: boolean; said: AtsError | undefined }

const TIMEOUT_MS = 10_000;
const RETRY_MS = 2_000;
/** Rounds in a row that make a part that is not answered, or not agreed on, worth a word: a reorganisation makes one or two. */
const PATIENT_ROUNDS = 5;
/** Far above what any anchor needs: no estimate is followed beyond this. */
const GAS_LIMIT_MOST = 500_000n;

/** Several nodes as one chain. One that fails is left out, said once, and tried again in the background until it is right. */
export class Endpoints implements Chain {
  readonly #members: readonly Member[];
  readonly #quorum: number;
  readonly #options: EndpointsOptions;
  #withoutFinal = 0;

  /** @throws AtsError ATS_CONFIG_INVALID */
  constructor(options: EndpointsOptions) {
    const { urls, owner, timeoutMs = TIMEOUT_MS } = options;
    const majority = Math.floor(urls.length / 2) + 1;
    this.#quorum = options.quorum ?? majority;
    if (urls.length === 0 || new Set(urls).size !== urls.length) throw new AtsError('ATS_CONFIG_INVALID', 'the anchor worker needs at least one chain endpoint, and each once');
    if (!Number.isInteger(this.#quorum) || this.#quorum < majority || this.#quorum > urls.length) {
      throw new AtsError('ATS_CONFIG_INVALID', `a quorum of ${this.#quorum} among ${urls.length} chain endpoints: it is a majority, ${majority} to ${urls.length}`);
    }
    this.#options = options;
    this.#members = urls.map((url) => ({
      endpoint: new ChainEndpoint(url, owner, timeoutMs, options.signal), out: false, probing: false, retryAtMs: 0, refusals: 0, contradicting: false, said: undefined,
    }));
  }

  async observe(question: ChainQuestion): Promise<ChainView> {
    this.#probe();
    const tips = await this.#ask((endpoint) => endpoint.tip());
    const latest = reachedByQuorum(tips.map(([, tip]) => tip.latest), this.#quorum)!;
    // at least one honest endpoint has finalized it; that they mean the same block is asked for next
    const final = reachedByQuorum(tips.map(([, tip]) => tip.finalized), this.#quorum);
    const market = { baseFee: median(tips.map(([, tip]) => tip.market.baseFee)), tip: median(tips.map(([, tip]) => tip.market.tip)) };
    const heights = new Map(tips.map(([member, tip]): [Member, TipView] => [member, tip]));
    const states = await this.#ask((endpoint, member) => endpoint.stateAt(final ?? 0, heights.get(member)!.latest, question), [...heights.keys()]);
    const views = states.map(([, view]) => view);
    const agreed = final === undefined ? undefined : agreeOnFinal(views, this.#quorum);
    const sightings = new Map(question.attempts.map((hash) => [hash, agreeOnSighting(views, hash, this.#quorum)]));
    for (const [member, view] of states) {
      this.#listen(member, view);
      if (agreed) this.#compare(member, contradicts(view, agreed, sightings), agreed.block.number);
    }
    this.#withoutFinal = agreed ? 0 : this.#withoutFinal + 1;
    const problem = this.#withoutFinal < PATIENT_ROUNDS ? undefined : this.#noQuorum('agree on a finalized block', []);
    return { latest, market, final: agreed, sightings, missing: views.some(({ missing }) => missing), ...(problem && { problem }) };
  }

  async estimate(data: string): Promise<bigint> {
    const refusals: AtsError[] = [];
    const answers = await this.#ask(async (endpoint) => {
      try {
        return await endpoint.estimate(data);
      } catch (error) {
        if (!isAtsError(error, 'ATS_ANCHOR_REFUSED') && !isAtsError(error, 'ATS_CHAIN_RPC_REFUSED')) throw error;
        refusals.push(error);
        return undefined;
      }
    });
    const gas = answers.map(([, value]) => value).filter((value) => value !== undefined);
    if (gas.length < this.#quorum) throw refusals.length >= this.#quorum ? refusals[0]! : this.#noQuorum('estimate the gas', gas);
    // of two the higher: gas that is not used is not paid, and too little would make the anchor fail
    const limit = (upperMedian(gas) * 6n) / 5n;
    return limit < GAS_LIMIT_MOST ? limit : GAS_LIMIT_MOST;
  }

  async balance(): Promise<bigint> {
    const answers = await this.#ask((endpoint) => endpoint.balance());
    return median(answers.map(([, value]) => value));
  }

  async l1Fee(unsigned: string): Promise<bigint> {
    const answers = await this.#ask((endpoint) => endpoint.l1Fee(unsigned));
    const fees = answers.map(([, fee]) => fee).filter((fee) => fee !== undefined);
    if (fees.length >= this.#quorum) return median(fees);
    // that there is no oracle must be as certain as what one says
    if (answers.length - fees.length < this.#quorum) throw this.#noQuorum('agree on the L1 fee', []);
    return 0n;
  }

  async send(raw: string): Promise<boolean> {
    const attempt = ({ endpoint }: Member): Promise<AtsError | undefined> => endpoint.send(raw).then(() => undefined, asAtsError);
    // it may be slow, and it is not waited for
    for (const member of this.#members) if (member.out && !isAtsError(member.said, 'ATS_CHAIN_WRONG')) void attempt(member);
    const members = this.#members.filter(({ out }) => !out);
    if (members.length === 0) throw this.#noQuorum('answer', members);
    return outcomeOf(await Promise.all(members.map(attempt)));
  }

  /** Asks all that are in (or these). One that fails is out. @throws AtsError when too few answer. */
  async #ask<T>(question: (endpoint: ChainEndpoint, member: Member) => Promise<T>, members = this.#members.filter(({ out }) => !out)): Promise<[Member, T][]> {
    const answers: [Member, T][] = [];
    await Promise.all(members.map(async (member) => {
      try {
        answers.push([member, await question(member.endpoint, member)]);
      } catch (error) {
        if (!isAtsError(error)) throw error;
        this.#leaveOut(member, error);
      }
    }));
    if (answers.length < this.#quorum) throw this.#noQuorum('answer', answers);
    return answers;
  }

  #leaveOut(member: Member, error: AtsError): void {
    member.out = true;
    member.retryAtMs = Date.now() + (this.#options.retryMs ?? RETRY_MS);
    this.#say(member, error);
  }

  #probe(): void {
    for (const member of this.#members) {
      if (!member.out || member.probing || Date.now() < member.retryAtMs) continue;
      member.probing = true;
      member.endpoint.tip().then(
        () => {
          member.out = false;
          member.refusals = 0;
          this.#say(member, undefined);
        },
        (error: unknown) => this.#leaveOut(member, asAtsError(error)),
      ).finally(() => (member.probing = false));
    }
  }

  #listen(member: Member, { refusal }: EndpointState): void {
    member.refusals = refusal ? member.refusals + 1 : 0;
    if (!refusal) this.#say(member, undefined);
    else if (member.refusals === PATIENT_ROUNDS) this.#say(member, new AtsError('ATS_CHAIN_RPC_REFUSED', `${member.endpoint.name}: ${refusal.why}`, { cause: refusal }));
  }

  #compare(member: Member, contradicting: boolean, atBlock: number): void {
    if (contradicting && !member.contradicting) {
      const error = new AtsError('ATS_ANCHOR_CONTRADICTED', `${member.endpoint.name} at block ${atBlock}`);
      this.#options.onEvent({ type: 'endpoint-contradicts', endpoint: member.endpoint.name, error });
    }
    member.contradicting = contradicting;
  }

  /** One line when it begins to fail or fails otherwise, one when it is right again. */
  #say(member: Member, error: AtsError | undefined): void {
    if (member.said?.code === error?.code) return;
    member.said = error;
    const endpoint = member.endpoint.name;
    this.#options.onEvent(error ? { type: 'endpoint-out', endpoint, error } : { type: 'endpoint-in', endpoint });
  }

  #noQuorum(what: string, answers: readonly unknown[]): AtsError {
    const failures = this.#members.flatMap(({ said }) => said ?? []);
    const codes = new Set<AtsCode>(failures.map(({ code }) => code));
    const why = failures.map((failure) => failure.why).join('; ') || 'no two say the same';
    if (codes.size === 1 && failures.length > this.#members.length - this.#quorum) return new AtsError([...codes][0]!, why, { cause: failures[0] });
    return new AtsError('ATS_ANCHOR_NO_QUORUM', `${answers.length} of ${this.#members.length} ${what}, ${this.#quorum} must: ${[...codes].join(', ')}${codes.size ? ': ' : ''}${why}`);
  }
}
