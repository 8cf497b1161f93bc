import type { RemoteAgent } from "../../src/agent/outside-agent.ts";
import { fault, type Finding, ok } from "../../src/finding.ts";
import { ask, isRefused } from "./diagnose-openai.ts";

/** Asks an agent's server an empty question, which none answers. Never rejects. */
export async function diagnoseRemote(agent: string, { url, key, headers }: RemoteAgent): Promise<Finding> {
  const about = `agent ${agent}`;
  const at = `agents.${agent}.remote`;
  const answer = await ask({ baseUrl: url, apiKey: key, headers }, "POST", "/chat/completions");
  if (answer === null) {
    return fault(about, "its server does not answer", `Check ${at}.url, and whether this machine reaches it.`);
  }
  const { status } = answer;
  if (isRefused(status)) return fault(about, "its server refuses the key", `Put a valid key where ${at}.key says.`);
  if (status === 404 || status === 405) {
    const says = `there are no chat completions at its address (HTTP ${status})`;
    return fault(about, says, `Check ${at}.url: it ends as the server wants it, mostly in /v1.`);
  }
  if (status >= 500) return fault(about, `its server has trouble (HTTP ${status})`, "Its own log says why.");
  return ok(about, "its server answers");
}
