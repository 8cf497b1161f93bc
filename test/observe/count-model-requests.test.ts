import { afterEach, expect, it } from "vitest";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { countModelRequests } from "../../src/observe/count-model-requests.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";

const metrics = createMetrics();
afterEach(() => metrics.close());

it("a stream that is left early is closed, and counted as left", async () => {
  const model = scriptedModel(["one ", "two ", "three"]);
  const request: ModelRequest = {
    model: null,
    instruction: "",
    messages: [],
    tools: [],
    sampling: {},
    firstTokenMs: 1_000,
    idleMs: 1_000,
  };
  for await (const event of countModelRequests(model, metrics).stream(request, new AbortController().signal)) {
    expect(event).toEqual({ type: "text", text: "one " });
    break;
  }
  expect(model.open).toBe(0);
  expect((await metrics.modelRequests.get()).values).toEqual([{ labels: { outcome: "left" }, value: 1 }]);
});
