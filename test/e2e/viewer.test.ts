import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { RunningGateway } from "../../src/main.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { atOnce, saying } from "../support/transcript.ts";
import { slackSettings } from "../support/slack-settings.ts";

const ENV = { MAIL_KEY: "canary-of-the-mail-key-000000", WEATHER_KEY: "canary-of-the-agents-key-000000" };
/** Never ends by itself; `news` says the same. */
const STREAM = "/v1/sessions/{id}/events";
/** Of these there is none in this scene. */
const NONE = ["/v1/sessions/{id}/files/{file}", "/v1/users/{id}/erasure"];

const scene = sceneOf({
  slack: {},
  cards: {
    "mail.md": `---
mcp_connect: { mail: { target: "http://127.0.0.1:9/mcp", headers: { X-Key: "\${MAIL_KEY}" } } }
---
You read mail.
`,
  },
});
let gateway: RunningGateway;

beforeAll(async () => {
  for (const [name, value] of Object.entries(ENV)) vi.stubEnv(name, value);
  await scene().set(`agents:
  weather: { description: Knows the sky, remote: { url: "http://127.0.0.1:9", key: "\${WEATHER_KEY}" } }
`);
  scene().model.script(saying({ "well?": atOnce("Very well.") }));
  gateway = await scene().start({ mode: "webhook", slack: "http" });
});
afterAll(() => vi.unstubAllEnvs());

async function call(
  method: string,
  path: string,
  key: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

test(
  "security-29: a viewer reads whole cards and settings, and the value of no secret",
  { timeout: 60_000 },
  async () => {
    const admin = async (method: string, path: string, body?: object) =>
      JSON.parse((await call(method, path, CANARIES.adminKey, body)).text);
    const viewer = await admin("POST", "/v1/keys", { name: "eyes", role: "viewer" });
    const agents = await admin("POST", "/v1/keys", { name: "an agent's", agent: "mail" });
    const { session_id: session, user_id: user } = await admin("POST", "/v1/sessions", {});
    await admin("POST", `/v1/sessions/${session}/messages`, { text: "well?" });
    const runs = async () => (await admin("GET", `/v1/sessions/${session}/runs`)).runs as Record<string, string>[];
    await vi.waitUntil(async () => (await runs())[0]?.["status"] === "completed", { timeout: 20_000, interval: 50 });
    const [{ run_id: run, trace_id: trace } = {}] = await runs();
    const { feedback_id: feedback } = await admin("POST", "/v1/feedback", { run_id: run, rating: 1 });
    const ids: Record<string, string> = {
      sessions: session,
      users: user,
      keys: viewer.key_id,
      traces: trace!,
      feedback,
    };

    const { paths } = await admin("GET", "/openapi.json");
    const read = Object.keys(paths).filter((path) => paths[path].get && path !== STREAM);
    const answers = await Promise.all(
      read.map(async (path) => {
        const filled = path
          .replace(/\/(\w+)\/\{id\}/, (_, of: string) => `/${of}/${ids[of] ?? "mail"}`)
          .replace("{name}", "mail")
          .replace("{no}", "0");
        return { path, ...(await call("GET", filled, viewer.key)) };
      }),
    );
    const failed = answers.filter(
      ({ path, status }) => path.startsWith("/v1/") && status !== 200 && !NONE.includes(path),
    );
    expect(failed.map(({ path, status }) => `${status} ${path}`)).toEqual([]);
    const all = answers.map(({ text }) => text).join("\n");
    for (const shown of ["You read mail.", "${MAIL_KEY}", "Knows the sky"]) expect(all).toContain(shown);
    const { adminKey, modelKey, webhookSecret } = CANARIES;
    const { SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET } = slackSettings(scene().slack, "http");
    const secrets = { adminKey, modelKey, webhookSecret, SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET, ...ENV };
    const more = { telegram: scene().telegram.bots[0]!.token, viewer: viewer.key, agents: agents.key };
    for (const [name, value] of Object.entries({ ...secrets, ...more })) {
      expect(value, name).toMatch(/^.{12,}$/);
      expect(
        answers.filter(({ text }) => text.includes(value)).map(({ path }) => path),
        name,
      ).toEqual([]);
    }
  },
);
