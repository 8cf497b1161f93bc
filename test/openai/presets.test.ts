import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOpenAIModel } from "../../adapters/openai/openai-model.ts";
import { readSettings } from "../../src/agent/agent-settings.ts";
import { type Message, userMessage } from "../../src/agent/message.ts";
import type { ModelEvent } from "../../src/agent/model-client.ts";
import { PRESETS } from "../../src/agent/provider-presets.ts";
import { gives } from "../agent/run-it.ts";
import { collect, modelRequest } from "../contract/model-client.ts";

/** What each of these servers streams when it calls two tools at once, after what is known of them (and of proxies). */
const TWO_CALLS: Record<string, object[]> = {
  openai: [
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: "" } }),
    call({ index: 1, id: "c2", type: "function", function: { name: "look", arguments: "" } }),
    call({ index: 0, function: { arguments: '{"at":1}' } }),
    call({ index: 1, function: { arguments: '{"at":2}' } }),
    end("tool_calls"),
    { choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  azure: [
    { choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }),
    call({ index: 1, id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    end("tool_calls"),
    { choices: [], usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  anthropic: [
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at"' } }),
    call({ index: 0, function: { arguments: ":1}" } }),
    call({ index: 1, id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    { ...end("tool_calls"), usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  // No index, "stop" although tools are called, a signature with the first call.
  gemini: [
    call({
      id: "c1",
      type: "function",
      function: { name: "look", arguments: '{"at":1}' },
      extra_content: { google: { thought_signature: "sig" } },
    }),
    call({ id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    { ...end("stop"), usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  // Reasoning under its own name, and a comment first.
  openrouter: [
    { choices: [{ delta: { role: "assistant", content: "", reasoning: "hm" } }] },
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }),
    call({ index: 1, id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    end("tool_calls"),
    { choices: [{ delta: { content: "" } }], usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  // Index 0 for each of them.
  ollama: [
    { choices: [{ delta: { role: "assistant", content: "", reasoning: "hm" } }] },
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }),
    call({ index: 0, id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    { ...end("tool_calls"), usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
  // Usage with every chunk.
  vllm: [
    { choices: [{ delta: { reasoning_content: "hm" } }], usage: { prompt_tokens: 9, completion_tokens: 1 } },
    call({ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":1}' } }),
    call({ index: 1, id: "c2", type: "function", function: { name: "look", arguments: '{"at":2}' } }),
    { ...end("tool_calls"), usage: { prompt_tokens: 9, completion_tokens: 3 } },
  ],
};

function call(delta: object): object {
  return { choices: [{ index: 0, delta: { tool_calls: [delta] }, finish_reason: null }] };
}

function end(reason: string): object {
  return { choices: [{ index: 0, delta: {}, finish_reason: reason }] };
}

interface Asked {
  headers: IncomingMessage["headers"];
  body: Record<string, unknown> & { messages: Record<string, unknown>[] };
}

/** Answers every request with these chunks, and keeps what it was sent. */
async function streams(chunks: () => object[], asked: Asked[]) {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    asked.push({ headers: request.headers, body: JSON.parse(Buffer.concat(pieces).toString()) as Asked["body"] });
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": PROCESSING\n\n");
    for (const chunk of chunks()) response.write(`data: ${JSON.stringify({ id: "x", model: "m", ...chunk })}\n\n`);
    response.end("data: [DONE]\n\n");
  };
  const server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, close: () => server.close() };
}

const EVERYTHING = {
  model: "big-1",
  instruction: "Be kind.",
  tools: [{ name: "look", description: "Looks.", schema: { type: "object" as const, properties: {} } }],
  sampling: {
    temperature: 0.5,
    topP: 0.9,
    maxTokens: 100,
    topK: 40,
    minP: 0.1,
    repetitionPenalty: 1.1,
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    stopSequences: ["END"],
    parallelToolCalls: false,
    reasoning: "low",
  },
};

const asked: Asked[] = [];
let chunks: object[] = [];
let server: Awaited<ReturnType<typeof streams>>;
beforeAll(async () => {
  server = await streams(() => chunks, asked);
});
afterAll(() => server.close());

/** A client of that preset whose server is here. */
function clientOf(preset: string) {
  const yaml = `providers: { p: { preset: ${preset}, base_url: "${server.url}", key: "\${KEY}", headers: { x-team: a } } }`;
  const provider = readSettings(yaml, { own: null, lookup: () => "sk-key-1" }).providers.get("p");
  if (!provider) throw new Error("no provider");
  return createOpenAIModel({ ...provider, model: "small-1" });
}

test("there is a stream of every preset here", () => {
  expect(Object.keys(TWO_CALLS)).toEqual(Object.keys(PRESETS));
});

describe.each(Object.keys(PRESETS))("the preset %s", (preset) => {
  const ask = async (changes: Parameters<typeof modelRequest>[1] = {}): Promise<ModelEvent[]> => {
    const model = clientOf(preset);
    try {
      return await collect(model.stream(modelRequest("hi", changes), new AbortController().signal));
    } finally {
      await model.close();
    }
  };

  test("is sent what it takes, and no more", async () => {
    chunks = [end("stop")];
    await ask(EVERYTHING);
    const { headers, body } = asked.at(-1) as Asked;
    expect(headers).toMatchObject({ authorization: "Bearer sk-key-1", "x-team": "a" });
    await expect(`${JSON.stringify(body, null, 2)}\n`).toMatchFileSnapshot(`../transcripts/request-${preset}.txt`);
  });

  test("calls two tools at once, and is given its own signs back, and nobody else's", async () => {
    chunks = TWO_CALLS[preset] ?? [];
    const events = await ask(EVERYTHING);
    const calls = events.filter((event) => event.type === "tool_call");
    expect(calls.map(({ callId, tool, args }) => [callId, tool, args])).toEqual([
      ["c1", "look", '{"at":1}'],
      ["c2", "look", '{"at":2}'],
    ]);
    expect(events.at(-1)).toMatchObject({
      type: "finished",
      reason: "stop",
      usage: { inputTokens: 9, outputTokens: 3 },
    });

    const step: Message = {
      role: "assistant",
      parts: calls.map(({ type, callId, tool, args, extra }) => {
        return extra === undefined
          ? { type, callId, tool, args }
          : { type, callId, tool, args, extra: { model: "p.big-1", data: extra } };
      }),
      status: "complete",
    };
    const messages = [userMessage("hi"), step, gives(["c1", "one"], ["c2", "two"])];
    chunks = [end("stop")];
    await ask({ ...EVERYTHING, messages });
    const back = JSON.stringify(asked.at(-1)?.body.messages);
    expect(back.includes('"thought_signature":"sig"')).toBe(preset === "gemini");
    expect(back.includes('"reasoning_content":"hm"')).toBe(preset === "vllm");
    await ask({ ...EVERYTHING, model: "other-1", messages });
    expect(JSON.stringify(asked.at(-1)?.body.messages)).not.toMatch(/thought_signature|reasoning_content/);
  });
});
