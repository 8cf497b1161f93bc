import { afterAll, beforeAll, expect, test } from "vitest";
import type { SpanNode } from "../../src/http/trace-json.ts";
import type { RunningGateway } from "../../src/main.ts";
import { type Collector, startCollector } from "../otlp/collector.ts";
import { CANARIES, sceneOf } from "../support/e2e.ts";
import { until } from "../support/test-gateway.ts";
import { TelegramVoice } from "../support/voice.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { contentText, type Script, type SentChatMessage } from "../fakes/model/script.ts";
import { atOnce } from "../support/transcript.ts";

const CARDS = {
  "guide.md": `---\nagents: [clerk]\n---\nYou are the guide. ${CANARIES.systemPrompt}\n`,
  "clerk.md": `---\ntool_only: true\n---\nYou are the clerk. ${CANARIES.systemPrompt}\n`,
};
const call = (name: string, args: Record<string, unknown>) => ({ id: `to_${name}`, name, args });
const STEPS: Record<string, Script[]> = {
  guide: [
    { text: "", toolCalls: [call("look", {}), call("ask", {}), call("agent__clerk", { message: "CANARY-ARGS" })] },
    atOnce("It is done."),
  ],
  clerk: [atOnce("CANARY-RESULT")],
};

let collector: Collector;
let running: RunningGateway;
const env: Record<string, string> = { DEFAULT_AGENT: "guide" };
const scene = sceneOf({ cards: CARDS, env });

beforeAll(async () => {
  collector = await startCollector();
  const otlp = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: "x-team=a%20b,authorization=Basic%20Zm9v",
  };
  const tools = scriptedTools({ look: { answer: "seen" }, ask: { answer: "said" } });
  running = await scene().start({ tools, env: otlp });
  scene().model.script(({ messages }) => {
    return STEPS[agentOf(messages)]![messages.filter(({ role }) => role === "assistant").length]!;
  });
});
afterAll(() => collector.close());

test("a run with two tools and a child is one tree, in the API and at a collector, with the same ids", async () => {
  new TelegramVoice(scene(), "Ann", scene().person("Ann")).say("CANARY-QUESTION");
  await until("the trace has ended", async () => (await read("/v1/traces")).some(({ ended_at }) => ended_at !== null));
  const [summary] = await read("/v1/traces");
  const trace = (await read(`/v1/traces/${String(summary!["trace_id"])}`)) as unknown as {
    spans: SpanNode[];
    tree: SpanNode[];
  };
  expect(outline(trace.tree).toSorted()).toEqual(
    [
      "run guide",
      "run guide > accept",
      "run guide > wait",
      "run guide > invoke_agent guide",
      "run guide > invoke_agent guide > chat fake-model",
      "run guide > invoke_agent guide > chat fake-model",
      "run guide > invoke_agent guide > execute_tool look",
      "run guide > invoke_agent guide > execute_tool ask",
      "run guide > invoke_agent guide > execute_tool agent__clerk",
      "run guide > invoke_agent guide > execute_tool agent__clerk > invoke_agent clerk",
      "run guide > invoke_agent guide > execute_tool agent__clerk > invoke_agent clerk > chat fake-model",
      "run guide > delivery",
    ].toSorted(),
  );
  await until("the collector has them", () => collector.spans.length >= trace.spans.length);
  const ids = (span: { traceId: string; spanId: string; parentSpanId: string; name: string }) => {
    return `${span.traceId} ${span.spanId} ${span.parentSpanId} ${span.name}`;
  };
  const stored = trace.spans.map(({ trace_id, span_id, parent_span_id, name }) => {
    return ids({ traceId: trace_id, spanId: span_id, parentSpanId: parent_span_id ?? "", name });
  });
  expect(collector.spans.map(ids).toSorted()).toEqual(stored.toSorted());
  expect(collector.requests[0]!.headers).toMatchObject({ "x-team": "a b", authorization: "Basic Zm9v" });
  expect(JSON.stringify([trace, collector.spans])).not.toContain("CANARY");
});

async function read(url: string): Promise<Record<string, unknown>[]> {
  const headers = { authorization: `Bearer ${CANARIES.adminKey}` };
  return (await (await fetch(`${running.url}${url}`, { headers })).json()) as Record<string, unknown>[];
}

function outline(nodes: readonly SpanNode[], above = ""): string[] {
  return nodes.flatMap((node) => [`${above}${node.name}`, ...outline(node.children, `${above}${node.name} > `)]);
}

function agentOf(messages: readonly SentChatMessage[]): string {
  return /You are the (\w+)/.exec(contentText(messages[0]))?.[1] ?? "";
}
