import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { MockAgent } from "undici";
import { expect, test } from "vitest";
import { createOpenAIModel, type OpenAIModelOptions } from "../../adapters/openai/openai-model.ts";
import { quirksAt } from "../../src/agent/provider-presets.ts";
import { collect, modelRequest, textOfEvents } from "../contract/model-client.ts";
import { API_KEY, failureOf, openAISubject } from "./openai-subject.ts";

/** A client of a server that is not the fake one. */
async function against(listener: RequestListener, options: Partial<OpenAIModelOptions> = {}) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
  const model = createOpenAIModel({ apiKey: API_KEY, baseUrl, model: "m", ...options });
  return {
    ask: (changes = {}) => collect(model.stream(modelRequest("Hello", changes), new AbortController().signal)),
    async [Symbol.asyncDispose]() {
      await model.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test("the key and the type travel as headers, to the path below the base URL", async () => {
  const seen: object[] = [];
  await using subject = await against((request, response) => {
    const { authorization, accept, "content-type": type } = request.headers;
    seen.push({ method: request.method, url: request.url, authorization, accept, type });
    response.writeHead(500).end();
  });
  await subject.ask();
  expect(seen).toEqual([
    {
      method: "POST",
      url: "/v1/chat/completions",
      authorization: `Bearer ${API_KEY}`,
      accept: "application/json",
      type: "application/json",
    },
  ]);
});

test.each([
  ["https://api.openai.com/v1", "max_completion_tokens"],
  ["https://ann.openai.azure.com/openai/v1/", "max_completion_tokens"],
  ["https://openrouter.ai/api/v1", "max_tokens"],
  ["https://api.notopenai.com/v1", "max_tokens"],
])("%s hears of the answer limit as %s", async (baseUrl, field) => {
  const bodies: string[] = [];
  const { origin, pathname } = new URL(baseUrl);
  const fetchPool = new MockAgent();
  fetchPool
    .get(origin)
    .intercept({ method: "POST", path: `${pathname.replace(/\/$/, "")}/chat/completions` })
    .reply(({ body }) => {
      bodies.push(body as string);
      return { statusCode: 500, data: "" };
    });
  const model = createOpenAIModel({ apiKey: API_KEY, baseUrl, model: "m", fetchPool });
  const request = modelRequest("Hello", { sampling: { maxTokens: 7 } });
  expect(failureOf(await collect(model.stream(request, new AbortController().signal))).kind).toBe("retryable");
  expect(bodies.map((body) => Object.keys(JSON.parse(body) as object).filter((key) => key.startsWith("max_")))).toEqual(
    [[field]],
  );
  await fetchPool.close();
});

test("a server that needs no key is asked without one", async () => {
  const seen: object[] = [];
  const listener: RequestListener = (request, response) => {
    seen.push(request.headers);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end('data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n');
  };
  await using subject = await against(listener, { apiKey: "" });
  expect(textOfEvents(await subject.ask())).toBe("ok");
  expect(seen).toHaveLength(1);
  expect(seen[0]).not.toHaveProperty("authorization");
});

test("a provider is told of the span that asks it only where the operator says so", async () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const told: unknown[] = [];
  const listener: RequestListener = ({ headers }, response) => {
    told.push(headers["traceparent"]);
    response.writeHead(500).end();
  };
  for (const options of [{}, { quirks: { ...quirksAt("http://mine"), traceContext: true } }]) {
    await using subject = await against(listener, options);
    await subject.ask({ traceparent });
  }
  expect(told).toEqual([undefined, traceparent]);
});

test("answers one after the other share one connection", async () => {
  const sockets = new Set<unknown>();
  await using subject = await against((request, response) => {
    sockets.add(request.socket);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end('data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
  });
  for (let n = 0; n < 5; n++) expect(textOfEvents(await subject.ask())).toBe("ok");
  // One may still be reading the end of an answer when the next request comes.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test("a thousand streams are open at once, and an abort closes them all", async () => {
  await using subject = await openAISubject();
  const { server, model } = subject;
  server.script(() => ({ text: "one two three", fault: "stall-mid" }));
  const controller = new AbortController();
  const request = modelRequest("Hello", { firstTokenMs: 60_000, idleMs: 60_000 });
  const asked = Array.from({ length: 1000 }, () => collect(model.stream(request, controller.signal)));
  await server.until(() => subject.open() === 1000, 50_000);
  controller.abort();
  const ends = await Promise.all(asked);
  expect(new Set(ends.map((events) => failureOf(events).kind))).toEqual(new Set(["aborted"]));
  await server.until(() => subject.open() === 0);
}, 60_000);

test("a provider that answers with one JSON object is understood", async () => {
  const answer = { choices: [{ message: { content: "all\nat once" }, finish_reason: "stop" }] };
  await using subject = await against((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer, null, 2));
  });
  expect(await subject.ask()).toMatchObject([{ text: "all\nat once" }, { type: "finished", reason: "stop" }]);
});

test("a JSON answer that does not end is given up in time", async () => {
  await using subject = await against((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).write('{"choices":');
  });
  expect(failureOf(await subject.ask({ firstTokenMs: 100 }))).toMatchObject({ kind: "first_token_timeout" });
});

test.each([
  [{ object: "error", message: "This model's maximum context length is 4096 tokens.", code: 400 }],
  [[{ error: { code: 400, message: "The input token count exceeds the maximum number of tokens allowed." } }]],
  [{ detail: "Input is too long" }],
])("the error body %j is understood", async (error) => {
  await using subject = await against((_request, response) => {
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(error));
  });
  expect(failureOf(await subject.ask())).toMatchObject({ kind: "context_too_long" });
});

test("an error with status 200 is still an error", async () => {
  await using subject = await against((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"error":{"message":"no","code":429}}');
  });
  expect(failureOf(await subject.ask())).toMatchObject({ kind: "retryable" });
});

test("a page instead of a stream is no answer", async () => {
  await using subject = await against((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Log in</html>");
  });
  expect(failureOf(await subject.ask())).toMatchObject({ kind: "truncated" });
});

test("a redirect is not followed: the key goes to nobody else", async () => {
  let requests = 0;
  await using subject = await against((_request, response) => {
    requests++;
    response.writeHead(307, { location: "/elsewhere" }).end();
  });
  expect(failureOf(await subject.ask())).toMatchObject({ kind: "refused" });
  expect(requests).toBe(1);
});

test("fault-27: an error body that never ends does not hold the request", async () => {
  await using subject = await against((_request, response) => {
    response.writeHead(500, { "content-type": "application/json" }).write('{"error":');
  });
  expect(failureOf(await subject.ask({ firstTokenMs: 100 }))).toMatchObject({ kind: "first_token_timeout" });
});

test("an endless error body is cut", async () => {
  await using subject = await against((_request, response) => {
    response.writeHead(500);
    const page = Buffer.alloc(64 * 1024, 0x61);
    const more = () => {
      while (!response.destroyed && response.write(page));
      response.once("drain", more);
    };
    more();
  });
  expect(failureOf(await subject.ask({ firstTokenMs: 10_000 }))).toMatchObject({ kind: "retryable" });
});

test("a server that is not there cannot be reached", async () => {
  const model = createOpenAIModel({ apiKey: API_KEY, baseUrl: "http://127.0.0.1:1/v1", model: "m" });
  const events = await collect(model.stream(modelRequest("Hello"), new AbortController().signal));
  expect(failureOf(events)).toMatchObject({ kind: "retryable", message: "The model provider cannot be reached." });
  await model.close();
});
