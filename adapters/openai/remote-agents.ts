import type { RemoteAgents } from "../../src/agent/outside-agent.ts";
import { quirksAt } from "../../src/agent/provider-presets.ts";
import { createOpenAIModel } from "./openai-model.ts";
import { openPool } from "./openai-transport.ts";

const CONNECT_MS = 10_000;

export interface OpenRemoteAgents extends RemoteAgents {
  /** Closes all sockets; runs that are under way end as failed. */
  close(): Promise<void>;
}

/** Agents behind OpenAI-compatible servers. Their addresses are the operator's; redirects are not followed. */
export function createRemoteAgents(): OpenRemoteAgents {
  const fetchPool = openPool(CONNECT_MS);
  return {
    model({ url, key, model, headers, history, session }, id) {
      const named = history === "agent";
      return createOpenAIModel({
        apiKey: key,
        baseUrl: url,
        model,
        headers: named && "header" in session ? { ...headers, [session.header]: id } : headers,
        fields: named && "field" in session ? { [session.field]: id } : {},
        foreignTools: true,
        quirks: { ...quirksAt(url), traceContext: true },
        fetchPool,
      });
    },
    close: () => fetchPool.destroy(),
  };
}
