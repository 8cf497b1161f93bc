import { afterEach, expect, test } from "vitest";
import type { SpanNode } from "../../src/http/trace-json.ts";
import { remoteCard } from "../agent/outside-cards.ts";
import { type BaseAgent, startBaseAgent } from "../fakes/base-agent.ts";
import { startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { callTool, scriptedModel } from "../fakes/scripted-model.ts";
import { asProcess, startPool } from "../mcp/start-mcp.ts";
import { testCard, until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startAfar(): Promise<BaseAgent> {
  const afar = await startBaseAgent();
  closing.push(async () => afar[Symbol.asyncDispose]());
  return afar;
}

async function start(options: Parameters<typeof startHttp>[0]): Promise<TestHttp> {
  const http = await startHttp(options);
  closing.push(() => http.stop());
  return http;
}

/** Says something in a new session, and returns the tree of its run's trace when that has ended. */
async function ask(http: TestHttp, text: string): Promise<SpanNode> {
  const session = await http.session();
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text } });
  const list = async () =>
    (await http.call("GET", `/v1/traces?session_id=${session}`)).json<{ trace_id: string; status: string }[]>();
  await until("the trace has ended", async () => (await list()).some(({ status }) => status === "ok"));
  const [trace] = await list();
  const { tree } = (await http.call("GET", `/v1/traces/${trace!.trace_id}`)).json<{ tree: SpanNode[] }>();
  expect(tree).toHaveLength(1);
  return tree[0]!;
}

const below = (span: SpanNode): SpanNode[] => [span, ...span.children.flatMap(below)];
const traceparentOf = (span: SpanNode) => `00-${span.trace_id}-${span.span_id}-01`;

test("an agent elsewhere is told the span of what it is asked, and what it tells stands below that", async () => {
  const afar = await startAfar();
  const http = await start({ cards: [{ ...remoteCard({ url: afar.url }), default: true }] });
  const key = await http.key({ kind: "agent", agent: "afar" });
  const told: number[] = [];
  // It tells while it works, which may be before the gateway's own spans are stored.
  afar.answers(({ headers }) => {
    const [, trace_id, parent] = TRACEPARENT.exec(String(headers["traceparent"])) ?? [];
    const span = { span_id: "00f067aa0ba902b7", parent_span_id: parent, name: "search", start_time: 1, end_time: 2 };
    const body = { trace_id, started_at: new Date().toISOString(), spans: [span] };
    const tells = http.call("POST", "/v1/traces", { key, body });
    return [{ until: tells.then(({ statusCode }) => told.push(statusCode)) }, "It is noon."];
  });
  const spans = below(await ask(http, "what time is it?"));
  expect(told).toEqual([201]);
  const search = spans.find(({ name }) => name === "search");
  const parent = spans.find(({ children }) => children.includes(search!));
  expect(parent).toMatchObject({ kind: "client", attributes: { "gen_ai.operation.name": "chat" } });
  expect(afar.requests.map(({ headers }) => headers["traceparent"])).toEqual([traceparentOf(parent!)]);
});

test("tools of servers and agents that are called are told the span of their own call, each by its way", async () => {
  const afar = await startAfar();
  const web = await startHttpMcpServer();
  closing.push(() => web.close());
  const { pool } = startPool({ web: { url: web.url }, files: asProcess });
  closing.push(() => pool.close());
  const model = scriptedModel(
    [callTool("web__meta"), callTool("files__meta"), callTool("agent__afar", { message: "What time is it?" })],
    "It is noon.",
  );
  const plain = {
    historySource: "none",
    mergeTarget: "none",
    maxParallel: null,
    timeoutMs: null,
    maxLines: null,
  } as const;
  const children = { agents: ["afar"], ...plain };
  const boss = testCard({ default: true, servers: ["web", "files"], children });
  const http = await start({ model, servers: pool, cards: [boss, remoteCard({ url: afar.url })] });
  const spans = below(await ask(http, "what time is it?"));
  const calls = (tool: string) => traceparentOf(spans.find(({ name }) => name === `execute_tool ${tool}`)!);
  const results = model.requests[1]!.messages.at(-1)!.parts.flatMap((part) =>
    part.type === "tool_result" ? [part.text] : [],
  );
  expect(results.slice(0, 2).map((text) => (JSON.parse(text) as { traceparent: unknown }).traceparent)).toEqual([
    calls("web__meta"),
    calls("files__meta"),
  ]);
  expect(web.traceparents).toEqual([calls("web__meta")]);
  const asked = spans.filter(({ name }) => name === "execute_tool agent__afar").flatMap(below);
  expect(afar.requests.map(({ headers }) => headers["traceparent"])).toEqual([
    traceparentOf(asked.find(({ name }) => name.startsWith("chat"))!),
  ]);
  expect(new Set(spans.map(({ span_id }) => span_id)).size).toBe(spans.length);
});
