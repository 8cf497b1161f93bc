/** Settings that hold a secret; each may also be given as `<name>_FILE`, the path of a file that holds it. */
export const SECRET_NAMES = [
  "DATABASE_URL",
  "MIGRATE_DATABASE_URL",
  "TELEGRAM_BOT_TOKEN",
  "TELEGRAM_WEBHOOK_SECRET",
  "SLACK_BOT_TOKEN",
  "SLACK_APP_TOKEN",
  "SLACK_SIGNING_SECRET",
  "OPENAI_API_KEY",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "ADMIN_API_KEY",
  "WEB_OIDC_CLIENT_SECRET",
] as const;

const PLAIN_NAMES = [
  "HOST",
  "PORT",
  "PUBLIC_URL",
  "TRUSTED_PROXIES",
  "API_CALLS_PER_MINUTE",
  "DATA_DIR",
  "ACCESS",
  "ALLOWED_USERS",
  "TELEGRAM_API_ROOT",
  "TELEGRAM_MODE",
  "TELEGRAM_CALLS_PER_SECOND",
  "TELEGRAM_DRAFTS",
  "TELEGRAM_RICH",
  "SLACK_API_URL",
  "SLACK_MODE",
  "SLACK_DM",
  "SLACK_STREAM",
  "OPENAI_BASE_URL",
  "OPENAI_MODEL",
  "TRANSCRIPTION_MODEL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "AGENTS_DIR",
  "DEFAULT_AGENT",
  "MCP_CONFIG",
  "MCP_STDIO",
  "ON_BUSY",
  "WEB_ACCESS",
  "WEB_OIDC_ISSUER",
  "WEB_OIDC_CLIENT_ID",
  "WEB_OIDC_ALLOW",
  "LOG_LEVEL",
] as const;

export type SecretName = (typeof SECRET_NAMES)[number];
export type ConfigName = SecretName | (typeof PLAIN_NAMES)[number];

export const CONFIG_NAMES: readonly ConfigName[] = [...SECRET_NAMES, ...PLAIN_NAMES];

const KNOWN = new Set<string>([...CONFIG_NAMES, ...SECRET_NAMES.map((name) => `${name}_FILE`)]);

/**
 * What Kubernetes sets in every pod beside a Service called `parley` or `telegram`: nobody wrote it.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
/** One letter from ours, and what many tools call a token for Slack. */
const FOREIGN = "SLACK_API_TOKEN";
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

/**
 * Names that somebody meant as one of ours: all that start with `PARLEY_`, and those of `TELEGRAM_`, `SLACK_` and
 * `OPENAI_` that are close to a setting of ours which is not set. Other names of these belong to other tools as well
 * (`OPENAI_ORG_ID`, `TELEGRAM_CHAT_ID`) and are left alone. Returns pairs of the name and ours; null = none is close.
 */
export function findMisspelt(env: Readonly<Record<string, string | undefined>>): [string, string | null][] {
  const isSet = (name: string): boolean => Object.hasOwn(env, name) && (env[name] ?? "").trim() !== "";
  const found: [string, string | null][] = [];
  for (const name of Object.keys(env)) {
    if (KNOWN.has(name) || name === FOREIGN || !isSet(name)) continue;
    if (SERVICE_LINK.test(name) || (name.endsWith("_PORT") && SERVICE_ADDRESS.test(env[name] ?? ""))) continue;
    if (name.startsWith("PARLEY_")) {
      found.push([name, closest(name.slice("PARLEY_".length), [...KNOWN])]);
      continue;
    }
    const family = ["TELEGRAM_", "SLACK_", "OPENAI_"].find((prefix) => name.startsWith(prefix));
    if (family === undefined) continue;
    const meant = closest(
      name,
      [...KNOWN].filter((known) => known.startsWith(family)),
    );
    const served = meant !== null && (isSet(meant) || isSet(meant.replace(/_FILE$/, "")) || isSet(`${meant}_FILE`));
    if (meant !== null && !served) found.push([name, meant]);
  }
  return found;
}

/** At most two slips away, or the same name with words left out before its last (`OPENAI_KEY`, `TELEGRAM_TOKEN`). */
function closest(name: string, candidates: readonly string[]): string | null {
  const ranked = candidates
    .map((candidate) => ({ candidate, slips: isShortened(name, candidate) ? 1 : countSlips(name, candidate) }))
    .toSorted((a, b) => a.slips - b.slips);
  const best = ranked[0];
  return best !== undefined && best.slips <= 2 ? best.candidate : null;
}

function isShortened(name: string, candidate: string): boolean {
  const words = name.split("_");
  const full = candidate.split("_");
  return words.length > 1 && words.at(-1) === full.at(-1) && words.every((word) => full.includes(word));
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function countSlips(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          row[j - 1]! + 1,
          last[j]! + 1,
          last[j - 1]! + (same ? 0 : 1),
          swapped ? beforeLast[j - 2]! + 1 : Infinity,
        ),
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
