import type { CardServer } from "../../src/agent/read-connections.ts";
import { readYamlMapping } from "../../src/agent/read-yaml.ts";
import { GatewayError } from "../../src/errors.ts";

/** Who shares a connection: all runs, those of one session, or nobody (each call has its own). */
export type McpScope = "shared" | "session" | "call";
const SCOPES = ["shared", "session", "call"] as const satisfies McpScope[];

/** One server that can be connected to. It may hold secrets: nothing of it but its name is ever logged or told. */
export interface McpServerConfig {
  name: string;
  target:
    | { kind: "http"; url: URL; headers: Record<string, string> }
    | { kind: "stdio"; command: string; args: string[]; env: Record<string, string>; cwd: string | undefined };
  scope: McpScope;
  /** Calls at once, in all its connections. */
  concurrency: number;
  /** How long a call may be silent: progress that the server tells of begins it anew. */
  callMs: number;
}

export interface McpServersRead {
  servers: McpServerConfig[];
  /** Servers that stand in the file and are left out, and why: a sentence without a subject. */
  leftOut: ReadonlyMap<string, string>;
  /** What the file asks for and does not get here, a sentence each. */
  warnings: string[];
}

export interface ReadOptions {
  /** The file's name, for faults. */
  file: string;
  /** A variable of the environment; undefined = not set. */
  lookup: (name: string) => string | undefined;
  /** Whether servers may be started as processes of this machine. */
  stdio: boolean;
}

/** With `__` and a tool it must fit the 64 characters of a tool's name. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$/;
/** Of the file's sections; the others are fast-agent's own business. */
const SECTION = "mcp";
/** fast-agent's fields of a server (MCPServerSettings), and two of our own, which it passes over. */
const FIELDS = {
  used: ["name", "description", "transport", "command", "args", "env", "cwd", "url", "headers", "access_token"],
  ours: ["scope", "concurrency"],
  /** They say how fast-agent keeps a connection; here the pool does. */
  passedOver: [
    "read_timeout_seconds",
    "http_timeout_seconds",
    "http_read_timeout_seconds",
    "read_transport_sse_timeout_seconds",
    "ping_interval_seconds",
    "max_missed_pings",
    "load_on_start",
    "reconnect_on_disconnect",
    "defer_loading",
    "implementation",
  ],
};
const CONCURRENCY = { usual: 64, max: 1_000 };
/** The loop gives a tool up after 300 s. */
const CALL_SECONDS = { usual: 60, max: 280 };
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g;
/** RFC 9110, section 5: what a header may hold; anything else could end it and begin another. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads `mcp.servers` of a file in fast-agent's format. `${NAME}` and `${NAME:default}` in its values come from
 * `lookup`; a server with a variable that is not set is left out, because it would be sent half a secret. Throws
 * GatewayError `invalid` that lists all faults, one a line. No value of the file is part of any sentence.
 */
export function readMcpServers(text: string, options: ReadOptions): McpServersRead {
  const faults: string[] = [];
  const read: McpServersRead = { servers: [], leftOut: new Map(), warnings: [] };
  const mapping = readYamlMapping(text);
  if ("faults" in mapping) faults.push(...mapping.faults);
  const section = "faults" in mapping ? null : (Object.fromEntries(mapping.entries)[SECTION] ?? null);
  if (section !== null && !isMapping(section)) faults.push(`${SECTION}: must be a mapping of fields to values`);
  const { servers = null, targets = null } = isMapping(section) ? section : {};
  if (targets !== null) read.warnings.push(`${SECTION}.targets: is not read; write the servers into mcp.servers`);
  if (servers !== null && !isMapping(servers)) faults.push(`${SECTION}.servers: must be a mapping of names to servers`);
  for (const [name, fields] of isMapping(servers) ? Object.entries(servers) : []) {
    readServer(name, fields, options, read, faults);
  }
  const named = (sentences: readonly string[]) => sentences.map((sentence) => `${options.file}: ${sentence}`);
  if (faults.length > 0) throw new GatewayError("invalid", named(faults).join("\n"));
  return { ...read, warnings: named(read.warnings) };
}

/** A server that a card brings, over HTTP alone; null = it cannot be used as it is written. */
export function readCardServer(
  { name, url, headers, accessToken }: CardServer,
  lookup: ReadOptions["lookup"],
): McpServerConfig | null {
  const read: McpServersRead = { servers: [], leftOut: new Map(), warnings: [] };
  const fields = { url, headers, ...(accessToken !== undefined && { access_token: accessToken }) };
  readServer(name, fields, { file: "", lookup, stdio: false }, read, []);
  return read.servers[0] ?? null;
}

function readServer(
  name: string,
  written: unknown,
  { lookup, stdio }: ReadOptions,
  read: McpServersRead,
  faults: string[],
): void {
  const at = `${SECTION}.servers.${name}`;
  if (!NAME.test(name)) return void faults.push(`${at}: must be named by 1–40 letters, digits, "_", "-" or "."`);
  if (!isMapping(written)) return void faults.push(`${at}: must be a mapping of fields to values`);
  const unset = new Set<string>();
  const fields = resolve(written, lookup, unset) as Record<string, unknown>;
  const own: string[] = [];
  const check = (field: string, fits: boolean, expected: string) => {
    if (!fits) own.push(`${at}.${field}: must be ${expected}`);
  };
  const of = <T>(field: string, fits: (value: unknown) => value is T, expected: string): T | undefined => {
    const value = fields[field] ?? undefined;
    if (value === undefined || fits(value)) return value;
    check(field, false, expected);
    return undefined;
  };
  const transport = of("transport", isText, "http or stdio") ?? (fields["url"] === undefined ? "stdio" : "http");
  const url = of("url", isText, "an http or https address");
  const command = of("command", isText, "a text that is not empty");
  const headers = of("headers", isTexts, "a mapping of names to texts") ?? {};
  const accessToken = of("access_token", isText, "a text that is not empty");
  const args = of("args", isList, "a list of texts") ?? [];
  const env = of("env", isTexts, "a mapping of names to texts") ?? {};
  const cwd = of("cwd", isText, "a path");
  const scope = of("scope", isScope, `one of ${SCOPES.join(", ")}`) ?? "shared";
  const concurrency = of("concurrency", isCount(CONCURRENCY.max), `a whole number from 1 to ${CONCURRENCY.max}`);
  const seconds = of("read_timeout_seconds", isCount(86_400), "a whole number of seconds of at least 1");
  const sound = Object.entries(headers).every(([key, value]) => HEADER_NAME.test(key) && HEADER_VALUE.test(value));
  check("headers", sound, "names and values that a header can have");
  check("access_token", HEADER_VALUE.test(accessToken ?? ""), "characters that a header can have");
  if (transport === "http") check("url", isHttp(url), "an http or https address without a password");
  if (transport === "stdio") check("command", command !== undefined, "the program to start (or write a url)");
  if (unset.size === 0) faults.push(...own);
  const reason = whyLeftOut(fields, transport, unset, stdio);
  if (reason !== null) {
    (read.leftOut as Map<string, string>).set(name, reason);
    read.warnings.push(`${at}: ${reason}`);
    return;
  }
  read.warnings.push(...unusedFields(fields).map((field) => `${at}.${field}: has no effect here`));
  if (own.length > 0) return;
  const authorization = accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` };
  read.servers.push({
    name,
    target:
      transport === "http"
        ? { kind: "http", url: new URL(url ?? ""), headers: { ...headers, ...authorization } }
        : { kind: "stdio", command: command ?? "", args, env, cwd },
    scope,
    concurrency: concurrency ?? CONCURRENCY.usual,
    callMs: Math.min(seconds ?? CALL_SECONDS.usual, CALL_SECONDS.max) * 1_000,
  });
}

/** Nothing is wrong with the file then: it asks for what is not given here, or not to this gateway. */
function whyLeftOut(
  fields: Record<string, unknown>,
  transport: string,
  unset: ReadonlySet<string>,
  stdio: boolean,
): string | null {
  if (unset.size > 0) return `names ${[...unset].map((name) => `\${${name}}`).join(", ")}, which is not set`;
  if (fields["management"] === "provider") return "is managed by its provider, which is not supported";
  if (transport === "sse") return "speaks the old sse transport, which is not supported; http is";
  if (transport !== "http" && transport !== "stdio") return "has a transport that is not known; http and stdio are";
  if (transport === "stdio" && !stdio) {
    return "would be started as a process on this machine, which is off; set MCP_STDIO=true to allow it";
  }
  return null;
}

function unusedFields(fields: Record<string, unknown>): string[] {
  const known = [...FIELDS.used, ...FIELDS.ours, ...FIELDS.passedOver, "management"];
  return Object.keys(fields).filter((field) => !known.includes(field) && fields[field] !== null);
}

function resolve(value: unknown, lookup: ReadOptions["lookup"], unset: Set<string>): unknown {
  if (typeof value === "string") {
    return value.replaceAll(VARIABLE, (whole, name: string, fallback?: string) => {
      const found = lookup(name) ?? fallback;
      if (found === undefined) unset.add(name);
      return found ?? whole;
    });
  }
  if (Array.isArray(value)) return value.map((item) => resolve(item, lookup, unset));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolve(item, lookup, unset)]));
}

function isHttp(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
const isScope = (value: unknown): value is McpScope => SCOPES.some((scope) => scope === value);
const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");
const isTexts = (value: unknown): value is Record<string, string> =>
  isMapping(value) && Object.values(value).every((item) => typeof item === "string");
const isCount =
  (max: number) =>
  (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max;

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
