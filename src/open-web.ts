import { fileURLToPath } from "node:url";
import type { LiveConfig } from "./config-live.ts";
import { DEFAULT_USER } from "./http/authenticate.ts";
import type { HttpParts } from "./http/http-server.ts";
import { loadPage } from "./http/load-page.ts";
import type { Logger } from "./observe/log.ts";
import { newLinkToken, signInUrl, webTokenHash } from "./platform/web-token.ts";
import type { Root } from "./store/schema.ts";
import { withTransaction } from "./store/transaction.ts";
import { insertWebLink } from "./store/web-sessions.ts";
import type { AgentService } from "./talk/agent-service.ts";
import type { WebDoor } from "./talk/web-command.ts";

/** What `npm run build` makes of web/. */
export const PAGE = fileURLToPath(new URL("../dist/web", import.meta.url));

/** Only this machine can reach these. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** The web page of one gateway, for its server and for its chats. */
interface OpenWeb extends NonNullable<HttpParts["web"]> {
  door: () => WebDoor;
  /** Which address it got, once it has one. */
  listensAt: (url: string) => void;
}

/** Null = it is off. */
export async function openWeb(live: LiveConfig, folder: string, log: Logger): Promise<OpenWeb | null> {
  const { web, publicUrl, host } = live.now;
  if (web.access === "off") return null;
  const page = await loadPage(folder);
  if (!page) log.warn({ folder }, "the web page was not built: run npm run build, and start again");
  const isHere = isLoopback(host);
  let own: string | null = null;
  return {
    page,
    guests: web.access === "guest",
    publicUrl,
    oidc: await openOidc(live),
    url: () => publicUrl ?? own ?? "",
    door: () => (publicUrl === null ? { url: isHere ? own : null, here: true } : { url: publicUrl, here: false }),
    listensAt(url) {
      own = onThisMachine(url);
    },
  };
}

/** The protocol's library is loaded where it is used. */
async function openOidc(live: LiveConfig): Promise<OpenWeb["oidc"]> {
  const { oidc } = live.now.web;
  if (!oidc) return null;
  const { createOidcProvider } = await import("../adapters/oidc/oidc-provider.ts");
  const provider = createOidcProvider({ ...oidc, clientSecret: () => live.now.web.oidc?.clientSecret ?? null });
  return { issuer: oidc.issuer, allow: oidc.allow, provider };
}

/** A link that signs in whoever can read what the start prints as an owner; null = there is no page to open. */
export async function operatorLink(
  web: Pick<OpenWeb, "page" | "url"> | null,
  { db, service }: { db: Root; service: AgentService },
): Promise<string | null> {
  if (!web?.page) return null;
  const user = await service.actFor(DEFAULT_USER);
  const token = newLinkToken();
  await withTransaction(db, (trx) => insertWebLink(trx, webTokenHash(token), { user, role: "owner" }));
  return signInUrl(web.url(), token);
}

/** Listening everywhere is no address to open. */
function onThisMachine(url: string): string {
  const { port, hostname } = new URL(url);
  const reachable = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "[::]" ? "[::1]" : hostname;
  return `http://${reachable}:${port}`;
}
