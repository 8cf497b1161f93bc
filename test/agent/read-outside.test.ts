import { describe, expect, test } from "vitest";
import { readSettings } from "../../src/agent/agent-settings.ts";

const KEY = "agent-key-canary-0123456789";
const sources = { own: null, lookup: (name: string) => (name === "AGENT_KEY" ? KEY : undefined) };

function agents(text: string) {
  const read = readSettings(`agents:\n${text.replaceAll(/^/gm, "  ")}`, sources).agents;
  return Object.fromEntries([...read].map(([name, { outside }]) => [name, outside]));
}

test("a remote agent needs an address, and has the rest from here", () => {
  const { weather } = agents("weather: { remote: { url: http://10.0.0.7:8080/v1/chat/completions } }");
  expect(weather).toEqual({
    description: "",
    limits: { firstMs: 120_000, idleMs: 120_000, totalMs: 600_000, running: 8, waiting: 32 },
    remote: {
      url: "http://10.0.0.7:8080/v1",
      key: "",
      model: "weather",
      headers: {},
      history: "gateway",
      session: { field: "session_id" },
      images: false,
    },
  });
});

test("everything of it can be said", () => {
  const { weather } = agents(`weather:
  description: Knows the weather
  remote:
    url: https://weather.example/v1/
    key: \${AGENT_KEY}
    model: forecast
    headers: { X-Tenant: blue, X-Key: "Key \${AGENT_KEY}" }
    history: agent
    session_header: X-Session-Id
    images: true
  limits: { first_token_sec: 5, idle_sec: 0.5e1, total_sec: 60, running: 1, waiting: 0 }`);
  expect(weather).toEqual({
    description: "Knows the weather",
    limits: { firstMs: 5_000, idleMs: 5_000, totalMs: 60_000, running: 1, waiting: 0 },
    remote: {
      url: "https://weather.example/v1",
      key: KEY,
      model: "forecast",
      headers: { "X-Tenant": "blue", "X-Key": `Key ${KEY}` },
      history: "agent",
      session: { header: "X-Session-Id" },
      images: true,
    },
  });
});

test("an agent of code names its module and export; an agent with a card has neither", () => {
  const read = agents("coder: { module: coder.ts:agent, limits: { running: 2 } }\ndemo: { on_busy: steer }");
  expect(read["coder"]).toMatchObject({ module: { path: "coder.ts", name: "agent" }, limits: { running: 2 } });
  expect(read["demo"]).toBeUndefined();
});

describe("what is wrong is told with its place and what to do", () => {
  test.each([
    ["a: { remote: 7 }", "agents.a.remote: must be a mapping"],
    ["a: { remote: {} }", "agents.a.remote.url: must be the http or https address"],
    ["a: { remote: { url: ftp://x } }", "agents.a.remote.url: must be the http or https address"],
    ["a: { remote: { url: http://x, key: plain-secret } }", "agents.a.remote.key: must be ${NAME}"],
    ["a: { remote: { url: http://x, key: '${NOT_SET}' } }", "agents.a.remote.key: ${NOT_SET} is not set"],
    ["a: { remote: { url: http://x, headers: { Host: y } } }", "agents.a.remote.headers.Host: is set by the gateway"],
    ["a: { remote: { url: http://x, extra: 1 } }", "agents.a.remote.extra: is not a field; remove it (fields: url"],
    ["a: { remote: { url: http://x, history: both } }", "agents.a.remote.history: must be gateway or agent"],
    ["a: { remote: { url: http://x, session_field: messages } }", "agents.a.remote.session_field: must be the name"],
    ["a: { remote: { url: http://x, session_header: a b } }", "agents.a.remote.session_header: must be a name"],
    ["a: { remote: { url: http://x, images: 1 } }", "agents.a.remote.images: must be true or false"],
    ["a: { remote: { url: http://x }, module: a.ts:b }", "agents.a.module: stands beside remote; keep one of them"],
    ["a: { remote: { url: http://x }, limits: { total_sec: 3600 } }", "agents.a.limits.total_sec: must be a number"],
    ["a: { remote: { url: http://x }, limits: { running: 0.5 } }", "agents.a.limits.running: must be a number"],
    ["a: { remote: { url: http://x }, limits: { speed: 1 } }", "agents.a.limits.speed: is not one; remove it"],
    ["a b: { remote: { url: http://x } }", "agents.a b: must be named by 1–57 letters"],
    ["a: { remote: { url: http://x }, fallback: gpt-5 }", "agents.a.fallback: names models of the gateway's providers"],
    ["a: { remote: { url: http://x }, models: [gpt-5] }", "agents.a.models: names models of the gateway's providers"],
    ["a: { module: coder.py:agent }", 'agents.a.module: "coder.py:agent" is Python'],
    ["a: { module: 7 }", "agents.a.module: must name a module and its export"],
    ["a: { description: Hm }", "agents.a.description: is for agents with remote or module"],
    ["a: { limits: { running: 1 } }", "agents.a.limits: is for agents with remote or module"],
  ])("%s", (text, fault) => {
    expect(() => agents(text)).toThrow(`parley.yaml: ${fault}`);
    expect(() => agents(text)).not.toThrow("plain-secret");
  });
});
