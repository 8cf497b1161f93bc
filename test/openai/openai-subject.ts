import { createOpenAIModel, type OpenAIModel, type OpenAIModelOptions } from "../../adapters/openai/openai-model.ts";
import type { ModelEvent, ModelFailure, ModelRequest } from "../../src/agent/model-client.ts";
import { collect, modelRequest } from "../contract/model-client.ts";
import type { Script } from "../fakes/model/script.ts";
import { type FakeModel, type FakeModelOptions, startFakeModel } from "../fakes/model-server.ts";

export const API_KEY = "sk-canary-5d41402abc4b2a76b9719d911017c592";

/** A client with the fake server behind it; `await using` closes both. */
export interface OpenAISubject extends AsyncDisposable {
  model: OpenAIModel;
  server: FakeModel;
  /** Streams that the server still holds open. */
  open(): number;
  /** Asks once, with what the server is to do. */
  ask(script: Script, changes?: Partial<ModelRequest>, signal?: AbortSignal): Promise<ModelEvent[]>;
}

export async function openAISubject(
  options: Partial<OpenAIModelOptions> = {},
  serverOptions: FakeModelOptions = {},
): Promise<OpenAISubject> {
  const server = await startFakeModel(serverOptions);
  const model = createOpenAIModel({ apiKey: API_KEY, baseUrl: server.url, model: "fake-1", ...options });
  return {
    model,
    server,
    open: () => server.requests.filter(({ closedBy }) => closedBy === null).length,
    async ask(script, changes = {}, signal = new AbortController().signal) {
      const remove = server.script(() => script);
      try {
        return await collect(model.stream(modelRequest("Hello", changes), signal));
      } finally {
        remove();
      }
    },
    async [Symbol.asyncDispose]() {
      await model.close();
      await server.close();
    },
  };
}

/** The failure a stream ended with; throws when it did not. */
export function failureOf(events: readonly ModelEvent[]): ModelFailure {
  const last = events.at(-1);
  if (last?.type !== "failed") throw new Error(`ended with ${JSON.stringify(last)}`);
  return last.failure;
}
