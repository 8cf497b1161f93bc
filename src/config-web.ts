import type { ConfigReader } from "./config-reader.ts";

const WEB_ACCESS = ["link", "guest", "off"] as const;
const SUBJECT = /^sub:\S{1,255}$/;
const MAIL = /^[^\s@,:]*@[^\s@,:]+\.[^\s@,:]+$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Who may use the web page: whoever has a one-time link, also guests, or nobody. */
export interface WebConfig {
  readonly access: (typeof WEB_ACCESS)[number];
  /** Who else signs people in; null = nobody. */
  readonly oidc: {
    readonly issuer: string;
    readonly clientId: string;
    readonly clientSecret: string | null;
    /** Rules by which people may come in: `@domain`, an address, `sub:…`, or `*` for all. */
    readonly allow: readonly string[];
  } | null;
}

export function readWeb(reader: ConfigReader): WebConfig {
  return { access: reader.choice("WEB_ACCESS", WEB_ACCESS, "link"), oidc: readOidc(reader) };
}

function readOidc(reader: ConfigReader): WebConfig["oidc"] {
  const issuer = reader.url("WEB_OIDC_ISSUER");
  const clientId = reader.text("WEB_OIDC_CLIENT_ID");
  const clientSecret = reader.text("WEB_OIDC_CLIENT_SECRET");
  const entries = reader.list("WEB_OIDC_ALLOW");
  if (clientId !== null && !/^[\x20-\x7e]{1,255}$/.test(clientId)) {
    return reader.fault("WEB_OIDC_CLIENT_ID", "holds characters that no client's id has. Copy it again.");
  }
  if (issuer === null) {
    if (clientId !== null && !reader.isFaulty("WEB_OIDC_ISSUER")) {
      reader.fault("WEB_OIDC_ISSUER", "is missing. Write the provider's address, or remove WEB_OIDC_CLIENT_ID.");
    }
    return null;
  }
  const { protocol, hostname } = new URL(issuer);
  if (protocol !== "https:" && !LOOPBACK.test(hostname)) {
    return reader.fault("WEB_OIDC_ISSUER", "must be https: whoever listens could sign in as anybody.");
  }
  if (clientId === null) {
    return reader.fault("WEB_OIDC_CLIENT_ID", "is missing. Register Parley at the provider, and copy the client's id.");
  }
  if (entries.length === 0) {
    const how = "List addresses, @domains or sub:<subject>; * lets in everybody whom the provider knows.";
    return reader.fault("WEB_OIDC_ALLOW", `is missing, and it says whom the provider may sign in. ${how}`);
  }
  const allow = entries.flatMap(({ entry, no }) => {
    const what = "is no rule. Write an address, @domain, sub:<subject> or *.";
    if (entry === "*" || SUBJECT.test(entry)) return entry;
    return MAIL.test(entry) ? entry.toLowerCase() : (reader.fault("WEB_OIDC_ALLOW", `entry ${no} ${what}`) ?? []);
  });
  return { issuer, clientId, clientSecret, allow };
}
