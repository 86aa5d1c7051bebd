import { AtsError } from '#libs/errors';

/** Where a node is, and what of that may be shown: its user, path and query are often the key that a provider charges by. */
export class Endpoint {
  /** What is asked, without the user: fetch refuses URLs that have one. */
  readonly url: string;
  /** The user of the URL, as HTTP's basic scheme sends it. */
  readonly authorization: string | undefined;
  /** scheme://host:port. */
  readonly shown: string;
  readonly #secrets: readonly string[];

  /** @throws AtsError ATS_CONFIG_INVALID, which never shows the text. */
  constructor(text: string) {
    const url = URL.parse(text);
    if (!url || !/^https?:$/.test(url.protocol)) throw new AtsError('ATS_CONFIG_INVALID', "a chain node's URL is http://HOST:PORT or https://HOST, with a path where the provider has one");
    const { username, password, pathname, search, hash } = url;
    this.shown = url.origin;
    this.authorization = username || password ? `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64')}` : undefined;
    this.#secrets = [username, password, ...pathname.split('/'), ...new URLSearchParams(search).values(), search.slice(1), hash.slice(1)]
      .flatMap((secret) => [secret, unescaped(secret)])
      // what is shorter is a word such as v3 or rpc, and no key
      .filter((secret) => secret.length >= 6)
      .toSorted((a, b) => b.length - a.length);
    url.username = '';
    url.password = '';
    this.url = url.href;
  }

  /** A node's own words without what must not be shown: some repeat the path that they were asked at. */
  clean(text: string): string {
    return this.#secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '[hidden]'), text);
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that escapes nothing
  }
}
