import type { ModelClient } from "../agent/model-client.ts";
import type { Metrics } from "./metrics.ts";

/** The same model, whose requests are counted by how they ended. */
export function countModelRequests(model: ModelClient, metrics: Pick<Metrics, "modelRequests">): ModelClient {
  return {
    pinned: () => countModelRequests(model.pinned?.() ?? model, metrics),
    contextTokens: (name) => model.contextTokens?.(name) ?? null,
    async *stream(request, signal) {
      // Of a stream that is left before its last event, nothing else is known.
      let outcome = "left";
      try {
        for await (const event of model.stream(request, signal)) {
          if (event.type === "finished") outcome = "finished";
          else if (event.type === "failed") outcome = event.failure.kind;
          yield event;
        }
      } finally {
        metrics.modelRequests.inc({ outcome });
      }
    },
  };
}
