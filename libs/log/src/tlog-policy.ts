/** c2sp.org/tlog-policy: which logs, which witnesses, and how many of them make a checkpoint believable. */
import { AtsError, isAtsError } from '#libs/errors';
import { noteVerifier, parseVkey, sameKey, type NoteKey, type NoteVerifier } from './signed-note.js';
import { cosignatureVerifier } from './tlog-cosignature.js';
import { quoted } from './text.js';

export interface PolicyLog { readonly verifier: NoteVerifier; readonly vkey: string; readonly url?: string }
/** `name` is the policy's own; the key's name is the verifier's. */
export interface PolicyWitness extends PolicyLog { readonly name: string }

export interface Policy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  /** Do these keys, each of a verified cosignature, make the quorum? Keys that the policy does not name count nothing. */
  satisfied(cosigners: readonly NoteKey[]): boolean;
}

type Rule = (cosigners: readonly NoteKey[]) => boolean;

/** The spec asks for 32 of each at least. */
const MAX_NAMES = 1024;

/** @throws AtsError ATS_POLICY_INVALID, which names the line */
export function parsePolicy(text: string | Buffer): Policy {
  // Octets: what is not ASCII is opaque, so that one character is one octet.
  const octets = Buffer.from(text).toString('latin1');
  if (octets !== '' && !octets.endsWith('\n')) throw invalid('its last line has no newline');
  const logs: PolicyLog[] = [];
  const witnesses: PolicyWitness[] = [];
  const rules = new Map<string, Rule>();
  const used = new Set<string>();
  const keys = { log: new Set<string>(), witness: new Set<string>() };
  let quorum: Rule | undefined;
  octets.split('\n').slice(0, -1).forEach((line, number) => {
    const wrong = (why: string) => invalid(`line ${number + 1}: ${why}`);
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(line)) throw wrong('it holds a control character');
    const [keyword, ...rest] = line.split(/[ \t]+/).filter((word) => word !== '');
    if (keyword === undefined || keyword.startsWith('#')) return;
    if (keyword === 'log') {
      if (rest.length < 1 || rest.length > 2) throw wrong('log VKEY [URL] is wanted');
      logs.push(key('log', rest[0]!, rest[1], noteVerifier));
    } else if (keyword === 'witness') {
      if (rest.length < 2 || rest.length > 3) throw wrong('witness NAME VKEY [URL] is wanted');
      const witness = { name: utf8(rest[0]!), ...key('witness', rest[1]!, rest[2], cosignatureVerifier) };
      define(rest[0]!, (cosigners) => cosigners.some((by) => sameKey(by, witness.verifier)));
      witnesses.push(witness);
    } else if (keyword === 'group') {
      const [name, count = '', ...members] = rest;
      if (name === undefined || members.length === 0) throw wrong('group NAME all|any|K MEMBER... is wanted');
      const wanted = count === 'all' ? members.length : count === 'any' ? 1 : /^[1-9]\d{0,4}$/.test(count) ? Number(count) : NaN;
      if (!(wanted <= members.length)) throw wrong(`${quoted(count)} of ${members.length} members`);
      const parts = members.map((member) => {
        if (used.has(member)) throw wrong(`${quoted(utf8(member))} is a member already`);
        used.add(member);
        return rule(member);
      });
      define(name, (cosigners) => parts.filter((part) => part(cosigners)).length >= wanted);
    } else if (keyword === 'quorum') {
      if (rest.length !== 1) throw wrong('quorum NAME is wanted');
      if (quorum) throw wrong('a second quorum');
      quorum = rest[0] === 'none' ? () => true : rule(rest[0]!);
    } else {
      throw wrong(`${quoted(utf8(keyword))} is no keyword`);
    }

    function rule(name: string): Rule {
      const found = rules.get(name);
      if (!found) throw wrong(`no ${quoted(utf8(name))} is defined above`);
      return found;
    }
    function define(name: string, found: Rule): void {
      if (name === 'none' || rules.has(name)) throw wrong(`the name ${quoted(utf8(name))} is taken`);
      if (rules.size === MAX_NAMES) throw wrong(`more than ${MAX_NAMES} names`);
      rules.set(name, found);
    }
    function key(kind: 'log' | 'witness', word: string, url: string | undefined, verifierOf: (vkey: string) => NoteVerifier): PolicyLog {
      const vkey = utf8(word);
      try {
        const verifier = verifierOf(vkey);
        // one key under two names would count twice
        const material = parseVkey(vkey).key.toString('base64');
        if (keys[kind].has(material)) throw wrong(`a second ${kind} with this key`);
        keys[kind].add(material);
        return { verifier, vkey, ...(url !== undefined && { url: utf8(url) }) };
      } catch (error) {
        throw isAtsError(error, 'ATS_NOTE_KEY_INVALID') ? wrong(error.why) : error;
      }
    }
  });
  if (!quorum) throw invalid('it has no quorum line');
  return { logs, witnesses, satisfied: quorum };
}

const utf8 = (octets: string): string => Buffer.from(octets, 'latin1').toString();
const invalid = (why: string): AtsError => new AtsError('ATS_POLICY_INVALID', why);
