const HIDDEN = "[redacted]";
/** Shorter ones ("none", "pw") would blot out ordinary words; where they stand in a URL or header a pattern finds them. */
const SHORTEST_SECRET = 8;

const HEADERS = "(?:proxy-)?authorization|(?:set-)?cookie|x-telegram-bot-api-secret-token|x-slack-signature|x-api-key";
const FIELDS =
  "(?:pg)?password|passwd|passphrase|api[-_]?key|(?:client|app|signing|webhook)[-_]?secret|secret[-_]?token|" +
  "(?:access|refresh|id|bot|auth|session)[-_]?token|connection[-_]?string|private[-_]?key";

/** As names of fields these are telling, in prose they are words. */
const NAMES = `${HEADERS}|${FIELDS}|token|secret|dsn|database_?url`;

/** The field names whose values are hidden whole. */
export const SECRET_FIELD = new RegExp(`^(?:${NAMES})$`, "i");

/** What a secret looks like in a line of JSON, at any depth of quoting, and what is left of it. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Telegram: the token stands in every URL of the Bot API, and in the messages of errors about them.
  [/\/bot\d+(?::|%3A)[^/\s"'\\?]+/gi, `/bot${HIDDEN}`],
  [/\b\d{5,}(?::|%3A)[\w-]{30,}/gi, HIDDEN],
  // User and password of any URL, a DSN's among them.
  [/:\/\/[^\s/@"'\\?#]+@/g, `://${HIDDEN}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${HIDDEN}`],
  // Keys that can be told by their beginning: OpenAI's (also the half-masked ones of its errors), Slack's, ours; JWTs.
  [
    /\b(?:sk-[\w*-]{8,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|parley_[a-z0-9]+_[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)/g,
    HIDDEN,
  ],
  [/([?&](?:token|key|code|secret|sig|signature|auth)=)[^&\s"'\\]+/gi, `$1${HIDDEN}`],
  // "name":"value", also quoted inside a string, and the flat ["name","value"] of raw headers.
  [new RegExp(`(\\\\{0,7}")(${NAMES})\\1(\\s*[:,]\\s*)\\1.*?(?<!\\\\)\\1`, "gi"), `$1$2$1$3$1${HIDDEN}$1`],
  [new RegExp(`(\\\\{0,7}")(${NAMES})\\1([:,])\\[[^\\]]*\\]`, "gi"), `$1$2$1$3$1${HIDDEN}$1`],
  // name: value and name=value in prose. A header's value ends with its line, the others with their word.
  [new RegExp(`\\b(${HEADERS})(\\s*[:=]\\s*)[^"\\\\\\s][^"\\\\]*`, "gi"), `$1$2${HIDDEN}`],
  [new RegExp(`\\b(${FIELDS})(\\s*[:=]\\s*)(?:'[^']*'|[^\\s"'\\\\,;&]+)`, "gi"), `$1$2${HIDDEN}`],
];

/**
 * Makes a function that hides secrets in a line of text or JSON: these very values, however they are escaped, and
 * everything that looks like a secret. Of a set, also what is added later. It may hide too much, never too little; it
 * does not throw.
 */
export function createRedactor(secrets: ReadonlySet<string> | readonly string[]): (line: string) => string {
  let known: RegExp | null = null;
  let count = 0;
  return (line) => {
    const now = "size" in secrets ? secrets.size : secrets.length;
    if (now !== count) known = patternOf([...secrets]);
    count = now;
    let text = known === null ? line : line.replace(known, HIDDEN);
    for (const [pattern, left] of PATTERNS) text = text.replace(pattern, left);
    return text;
  };
}

function patternOf(secrets: readonly string[]): RegExp | null {
  const spellings = new Set(secrets.filter((secret) => secret.length >= SHORTEST_SECRET).flatMap(spell));
  // The longest first: a URL before the password in it.
  const literals = [...spellings].toSorted((a, b) => b.length - a.length).map(escapePattern);
  return literals.length > 0 ? new RegExp(literals.join("|"), "g") : null;
}

/** A value as it may stand in a line: plain, URL-encoded or decoded, and inside JSON inside JSON. */
function spell(secret: string): string[] {
  const plain = [secret, attempt(encodeURIComponent, secret), attempt(decodeURIComponent, secret)];
  return plain.flatMap((spelling) => [
    spelling,
    quote(spelling),
    quote(quote(spelling)),
    quote(quote(quote(spelling))),
  ]);
}

/** Both refuse what is not well-formed; then it cannot stand anywhere in that form either. */
function attempt(convert: (text: string) => string, text: string): string {
  try {
    return convert(text);
  } catch {
    return text;
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function quote(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
