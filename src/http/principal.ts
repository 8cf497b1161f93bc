import type { KeyBinding } from "../store/api-keys.ts";
import type { UsableWebSession } from "../store/web-sessions.ts";

/** What a key may be good for. The admin key is good for everything. */
export const SCOPES = [
  "sessions:read",
  "sessions:write",
  "traces:read",
  "traces:write",
  "feedback:read",
  "feedback:write",
  "agents:read",
  "agents:write",
  "keys:read",
  "keys:write",
  "users:read",
  "users:write",
  "audit:read",
  "deliveries:read",
  "deliveries:write",
  "pairings:approve",
  "metrics:read",
] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls, as the key says. */
export interface Principal {
  /** Null = the admin key of the settings, or a browser. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
  bound: KeyBinding;
  /** Who is signed in at the web page; left out: it is a key that calls. */
  browser?: UsableWebSession;
}

/** What each kind of key may be good for at most. */
export function scopesFor(bound: KeyBinding): readonly Scope[] {
  if (bound.kind === "agent") return AGENT;
  if (bound.kind === "person") return PERSON;
  if (bound.role === "owner") return SCOPES;
  return SCOPES.filter((scope) => (bound.role === "viewer" ? scope.endsWith(":read") : scope !== "keys:write"));
}

const PERSON = [
  "sessions:read",
  "sessions:write",
  "traces:read",
  "feedback:read",
  "feedback:write",
  "agents:read",
] as const satisfies Scope[];
const AGENT = [...PERSON, "traces:write"] as const satisfies Scope[];
