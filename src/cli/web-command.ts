import type { ApiClient } from "./api-client.ts";
import { Misuse } from "./misuse.ts";

const ROLES = ["owner", "operator", "viewer"];

/** Makes a one-time link: an operator's, or a person's. */
export async function makeSignInLink(
  client: ApiClient,
  { role, person }: { role?: string | undefined; person?: string | undefined },
): Promise<string> {
  if (role !== undefined && person !== undefined) throw new Misuse("Say --role or --person, not both.");
  if (role !== undefined && !ROLES.includes(role)) throw new Misuse("--role is owner, operator or viewer.");
  const body = person === undefined ? { ...(role !== undefined && { role }) } : { role: null, user: person };
  const { url } = await client.post<{ url: string }>("/v1/sign-in/links", body);
  return `Open this once, within 10 minutes: ${url}\n`;
}
