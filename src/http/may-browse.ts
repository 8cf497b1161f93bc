import { type AccessPolicy, isLetIn } from "../platform/access-gate.ts";
import type { UsableWebSession } from "../store/web-sessions.ts";

/** Who may use the web page. `oidc`: whose names the provider's are, and which of them may come in. */
export interface PageRules {
  access: AccessPolicy;
  guests: boolean;
  oidc: { issuer: string; allow: readonly string[] } | null;
}

/**
 * Asked at a sign-in and at every request after it, so that whoever may no longer talk in the chat, or is no longer let
 * in by the settings, has lost their browsers too. The API's own people are known by a key or an operator's link alone.
 */
export function mayBrowse(
  { access, guests, oidc }: PageRules,
  { identity, guest, rule }: Pick<UsableWebSession, "identity" | "guest" | "rule">,
): boolean {
  if (!identity || identity.blocked) return false;
  const { platform, senderId } = identity;
  if (platform === "api") return true;
  if (platform !== "web") return isLetIn(access, identity);
  if (guest) return guests;
  return oidc !== null && senderId.startsWith(`oidc:${oidc.issuer}#`) && rule !== null && oidc.allow.includes(rule);
}
