import type { ConfigReader } from "./config-reader.ts";

const WEB_ACCESS = ["link", "guest", "off"] as const;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Who may use the web page: whoever has a one-time link, also guests, or nobody. */
export interface WebConfig {
  readonly access: (typeof WEB_ACCESS)[number];
  /** Who else signs people in; null = nobody. */
  readonly oidc: { readonly issuer: string; readonly clientId: string; readonly clientSecret: string | null } | null;
}

export function readWeb(reader: ConfigReader): WebConfig {
  return { access: reader.choice("WEB_ACCESS", WEB_ACCESS, "link"), oidc: readOidc(reader) };
}

function readOidc(reader: ConfigReader): WebConfig["oidc"] {
  const issuer = reader.url("WEB_OIDC_ISSUER");
  const clientId = reader.text("WEB_OIDC_CLIENT_ID");
  const clientSecret = reader.text("WEB_OIDC_CLIENT_SECRET");
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
  return { issuer, clientId, clientSecret };
}
