import { fault, type Finding, ok, warning } from "../../src/finding.ts";
import { BOT_SCOPES } from "./slack-manifest.ts";

const DEADLINE_MS = 10_000;
/** Slack refuses, and so do we, what is signed five minutes ago: https://docs.slack.dev/authentication/verifying-requests-from-slack */
const CLOCK_FAULT_MS = 150_000;
const APPS = "https://api.slack.com/apps";

export interface SlackSettings {
  botToken: string;
  /** Null = HTTP events. */
  appToken: string | null;
  /** Without a slash at its end; null = Slack's own. */
  apiUrl: string | null;
}

interface Answer {
  body: {
    ok?: boolean;
    error?: string;
    team?: string;
    user?: string;
    user_id?: string;
    is_enterprise_install?: boolean;
  };
  scopes: string[];
  clockMs: number | null;
}

/** Asks Slack what it knows of the app's tokens, and changes nothing. Never rejects. */
export async function diagnoseSlack(settings: SlackSettings): Promise<Finding[]> {
  const apiUrl = settings.apiUrl ?? "https://slack.com/api";
  const me = await call(apiUrl, "auth.test", settings.botToken);
  if (me === null) {
    const remedy = "Check SLACK_API_URL, and whether this machine reaches it.";
    return [fault("slack", "Slack does not answer", remedy)];
  }
  if (me.body.ok !== true) {
    const remedy = `Copy the Bot User OAuth Token (xoxb-) again from ${APPS}, "OAuth & Permissions"; install the app first.`;
    return [fault("slack", `Slack refuses SLACK_BOT_TOKEN (${word(me.body.error)})`, remedy)];
  }
  const findings = [ok("slack", `the token is that of ${me.body.user} in ${me.body.team}`), ...ofScopes(me.scopes)];
  findings.push(...ofClock(me.clockMs));
  if (settings.appToken !== null) findings.push(await ofSocket(apiUrl, settings.appToken));
  return findings;
}

/** What the manifest asks for and the installed app lacks: it was changed, or not installed again after a change. */
function ofScopes(granted: string[]): Finding[] {
  if (granted.length === 0) return [];
  const missing = BOT_SCOPES.filter((scope) => !granted.includes(scope));
  const beyond = granted.filter((scope) => !(BOT_SCOPES as readonly string[]).includes(scope));
  const findings: Finding[] = [];
  if (missing.length > 0) {
    const remedy = `Compare the app's manifest at ${APPS} with that of "npm run parley -- manifest", then install it again.`;
    findings.push(fault("slack", `the app lacks ${missing.join(", ")}`, remedy));
  }
  if (beyond.length > 0) {
    const remedy = "Take out what nobody needs: whoever steals the token can do it.";
    findings.push(warning("slack", `the app may do more than Parley needs: ${beyond.join(", ")}`, remedy));
  }
  return findings;
}

function ofClock(clockMs: number | null): Finding[] {
  if (clockMs === null || Math.abs(clockMs) < CLOCK_FAULT_MS) return [];
  const says = `this machine's clock is ${Math.round(Math.abs(clockMs) / 60_000)} min ${clockMs > 0 ? "ahead" : "behind"}`;
  return [fault("clock", says, "Set it by NTP: signatures older than five minutes are refused.")];
}

async function ofSocket(apiUrl: string, appToken: string): Promise<Finding> {
  const answer = await call(apiUrl, "apps.connections.open", appToken);
  if (answer?.body.ok === true) return ok("slack", "Socket Mode can be opened");
  const remedy = `Make an app-level token (xapp-) with connections:write at ${APPS}, "Basic Information", and switch Socket Mode on.`;
  return fault("slack", `Socket Mode cannot be opened (${word(answer?.body.error)})`, remedy);
}

/** Null = no answer of Slack's. */
async function call(apiUrl: string, method: string, token: string): Promise<Answer | null> {
  try {
    const answer = await fetch(`${apiUrl}/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" },
      signal: AbortSignal.timeout(DEADLINE_MS),
      redirect: "error",
    });
    const date = Date.parse(answer.headers.get("date") ?? "");
    return {
      body: (await answer.json()) as Answer["body"],
      scopes: (answer.headers.get("x-oauth-scopes") ?? "").split(/[\s,]+/).filter((scope) => scope !== ""),
      clockMs: Number.isNaN(date) ? null : Date.now() - date,
    };
  } catch {
    return null;
  }
}

function word(error: string | undefined): string {
  return /^[a-z_]{1,60}$/.test(error ?? "") ? (error as string) : "no answer";
}
