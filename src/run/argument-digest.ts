/** What a line of a chat has room for. */
const MAX_DIGEST = 60;
/** Of a longer argument only the beginning is looked at. */
const MAX_READ = 2_000;
/** A longer text is no name of anything, unless its key says so. */
const MAX_SHORT = 200;
/** Keys that tell what a call is for, the best first. */
const TELLING = ["query", "q", "question", "path", "file", "url", "uri", "command", "name", "title"];

const SECRET_KEY = /token|passw|passphrase|pwd|secret|credential|auth|cookie|signature|jwt|key$|otp$|^pin$/;
const SECRET_WORD = String.raw`[\w-]*(?:token|passw|pwd|secret|credential|api[_-]?key|access[_-]?key|auth|cookie)[\w-]*`;
const QUOTED = String.raw`"[^"]*"?|'[^']*'?`;
/** `password=…`, `"token": …`, `Authorization: Bearer …`. */
const NAMED_SECRET = new RegExp(
  String.raw`(${SECRET_WORD}["']?\s*[=:]\s*)(?:${QUOTED}|(?:bearer|basic|token)\s+\S+|\S+)`,
  "gi",
);
/** `--password …`, `-u name:password`. */
const OPTION = new RegExp(
  String.raw`((?:^|\s)(?:--?(?:${SECRET_WORD}|[\w-]*key)|-u|--user))\s+(?:${QUOTED}|\S+)`,
  "gi",
);
/** `--user=name:password`, `-uname:password`, and `name:password@` before a site. */
const LOGIN = /((?:^|\s)(?:--user=|-u))[^\s:=]+:\S+|[\w.%+-]+:[^\s@/:]+(?=@)/g;
const SCHEME = /\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi;
/** How keys of well-known services begin, and a bot's of Telegram. */
const KNOWN_KEY =
  /\b(?:(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[a-z]|xapp)[-_]|AKIA|AIza|eyJ)[\w.-]{8,}|(?<!\d)\d{6,}:[\w-]{30,}/g;
/** Something that looks like base64 or like a long number with letters. */
const LONG_RUN = /[A-Za-z0-9_+=]{20,}/g;
const ADDRESS = /\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s"'<>`]+/gi;
/** What stands behind an address without a scheme. */
const QUERY = /\?[^\s"'`?]*=[^\s"'`]*/g;

/**
 * What a call of a tool is for, in a few words of its arguments: one line of plain text that holds nothing secret and
 * mentions nobody; "" = they do not tell. Never throws.
 */
export function digestArguments(args: string): string {
  return digestText(tellingValue(parsed(args)));
}

/** The same of words that a tool says itself. */
export function digestText(text: string): string {
  const line = withoutSecrets(oneLine(text.slice(0, MAX_READ))).replaceAll("@", "@\u200B");
  return line.length <= MAX_DIGEST ? line : `${cutAt(line, MAX_DIGEST - 1).trimEnd()}…`;
}

const MAX_LISTED = 10;
const MAX_KEY = 40;
const MAX_VALUE = 200;

/**
 * All arguments of a call, a line of plain text each, for somebody who decides about it: like the digest they hold nothing
 * secret and mention nobody, and say where something was left out. Never throws.
 */
export function listArguments(args: string): string[] {
  const value = parsed(args);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject) return args.trim() === "" ? [] : [shownValue(typeof value === "string" ? value : args)];
  const lines = Object.entries(value).map(([key, each]: [string, unknown]) => {
    const shown = isSecretKey(key) ? "…" : shownValue(typeof each === "string" ? each : JSON.stringify(each));
    return `${shownValue(cutAt(key, MAX_KEY))}: ${shown}`;
  });
  return lines.length > MAX_LISTED ? [...lines.slice(0, MAX_LISTED), `… +${lines.length - MAX_LISTED}`] : lines;
}

function shownValue(text: string): string {
  const line = withoutSecrets(oneLine(text.slice(0, MAX_READ)), "?…").replaceAll("@", "@\u200B");
  const left = Math.max(0, line.length - MAX_VALUE) + Math.max(0, text.length - MAX_READ);
  return left === 0 ? line : `${cutAt(line, MAX_VALUE)}… +${left}`;
}

function parsed(args: string): unknown {
  try {
    return JSON.parse(args);
  } catch {
    return null;
  }
}

function tellingValue(args: unknown): string {
  if (typeof args === "string") return args.length <= MAX_SHORT ? args : "";
  if (typeof args !== "object" || args === null || Array.isArray(args)) return "";
  const texts = Object.entries(args).flatMap(([key, value]: [string, unknown]) => {
    const isText = typeof value === "string" && value.trim() !== "" && !isSecretKey(key);
    return isText ? [{ key: key.toLowerCase(), value }] : [];
  });
  for (const telling of TELLING) {
    const found = texts.find(({ key }) => key === telling);
    if (found) return found.value;
  }
  return texts.find(({ value }) => value.length <= MAX_SHORT)?.value ?? "";
}

function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key.toLowerCase().replaceAll(/[^a-z]/g, ""));
}

/** Without line-ends, and without signs that control how others are shown. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .trim();
}

/** `query`: what stands for the query of an address. */
function withoutSecrets(text: string, query = ""): string {
  return text
    .replaceAll(ADDRESS, (address) => shortAddress(address, query))
    .replaceAll(QUERY, query)
    .replaceAll(NAMED_SECRET, "$1…")
    .replaceAll(OPTION, "$1 …")
    .replaceAll(LOGIN, (_, option = "") => `${option}…`)
    .replaceAll(SCHEME, "$1 …")
    .replaceAll(KNOWN_KEY, "…")
    .replaceAll(LONG_RUN, (run) => (/\d/.test(run) && /[a-z]/i.test(run) ? "…" : run));
}

/** Never inside a character. */
export function cutAt(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

/** Site and path: what is behind them, and who asks, may be a secret. */
function shortAddress(address: string, query: string): string {
  const { host = "…", pathname = "", search = "" } = URL.parse(address) ?? {};
  return `${host}${pathname === "/" ? "" : pathname}${search === "" ? "" : query}`;
}
