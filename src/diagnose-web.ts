import { access } from "node:fs/promises";
import path from "node:path";
import type { Config } from "./config.ts";
import { fault, type Finding, ok, warning } from "./finding.ts";
import { isLoopback, PAGE } from "./open-web.ts";

const ANSWER_MS = 5_000;

/** Whether people get to the web page, and into it. */
export async function diagnoseWeb(
  { web, publicUrl, host }: Pick<Config, "web" | "publicUrl" | "host">,
  folder = PAGE,
): Promise<Finding[]> {
  const about = "web page";
  if (web.access === "off") return [ok(about, "is off: WEB_ACCESS")];
  const found: Finding[] = [];
  const isBuilt = await access(path.join(folder, "index.html")).then(
    () => true,
    () => false,
  );
  if (!isBuilt) found.push(warning(about, "was not built", "Run: npm run build, and start the gateway again."));
  if (publicUrl === null && !isLoopback(host)) {
    const says = "has no address, so /web sends nobody a link, and it can be used at loopback addresses alone";
    found.push(warning(about, says, "Set PUBLIC_URL to where people open it."));
  }
  if (web.oidc) found.push(...(await lookAtProvider(web.oidc.issuer)));
  return found.length > 0 ? found : [ok(about, `opens at ${publicUrl ?? "loopback addresses"}`)];
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function lookAtProvider(issuer: string): Promise<Finding[]> {
  const remedy = "Compare WEB_OIDC_ISSUER with what the provider calls its issuer.";
  try {
    const answer = await fetch(`${issuer}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const { issuer: named } = (await answer.json()) as { issuer?: unknown };
    if (typeof named === "string" && named.replace(/\/$/, "") === issuer) return [];
    return [fault("web page", "the provider of WEB_OIDC_ISSUER has another name for itself", remedy)];
  } catch {
    return [fault("web page", "the provider of WEB_OIDC_ISSUER does not describe itself", remedy)];
  }
}
