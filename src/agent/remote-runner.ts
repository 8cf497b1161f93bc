import { randomUUID } from "node:crypto";
import type { AgentRunner } from "./agent-runner.ts";
import { type Message, textOf } from "./message.ts";
import type { ModelClient, ModelEvent, ModelFailure, ModelRequest } from "./model-client.ts";
import type { OutsideLimits, RemoteAgents } from "./outside-agent.ts";
import { TokenGauge } from "./token-gauge.ts";
import type { ToolSource } from "./tool-source.ts";
import { type Texts, textsFor } from "../texts/texts.ts";

const NO_TOOLS: ToolSource = { list: async () => [], call: async () => ({ ok: false, text: "There are no tools." }) };

/** Of these the agent's server did nothing yet. */
const NOTHING_DONE: readonly ModelFailure["what"][] = ["busy", "unreachable"];

/**
 * Runs remote agents: to the native loop each is a model without instruction and tools, whose one step is the answer.
 * What it calls itself is told and not kept: the history has its words.
 */
export function createRemoteRunner(native: AgentRunner, remotes: RemoteAgents): AgentRunner {
  return {
    run(clone, signal) {
      const { outside } = clone.card;
      if (!outside || !("remote" in outside)) throw new Error(`${clone.card.name} is no remote agent`);
      const { remote, limits } = outside;
      const client = remotes.model(remote, clone.session ?? randomUUID());
      const { compact, ...rest } = clone;
      const ours = remote.history === "gateway";
      const run = {
        ...rest,
        // Of a history that the agent keeps, nothing is summed up here.
        ...(ours && compact && { compact }),
        mustCompact: ours && clone.mustCompact,
        history: ours ? clone.history : [],
        // Its server counts prompts and steps of its own, which say nothing of the gateway's models.
        gauge: new TokenGauge(),
        images: remote.images ? clone.images : new Map<never, never>(),
        model: asModel(client, limits, textsFor(clone.language)),
        tools: NO_TOOLS,
      };
      return native.run(run, signal);
    },
  };
}

function asModel(client: ModelClient, { firstMs, idleMs }: OutsideLimits, texts: Texts): ModelClient {
  return {
    async *stream(request, signal): AsyncGenerator<ModelEvent> {
      const asked: ModelRequest = { ...request, messages: spoken(request.messages), firstTokenMs: firstMs, idleMs };
      for await (const event of client.stream(asked, signal)) {
        // Whoever shall run it: here nobody can.
        if (event.type === "tool_call") continue;
        yield event.type === "failed" ? { type: "failed", failure: ofAgent(event.failure, texts) } : event;
      }
    },
  };
}

/** What was said. Calls of other agents' tools are nothing this one knows, and many servers refuse them. */
function spoken(messages: readonly Message[]): Message[] {
  return messages.flatMap((message): Message[] => {
    if (message.role === "user") return [message];
    const parts = message.parts.filter(({ type }) => type === "text");
    return message.role === "tool" || textOf({ parts }).trim() === "" ? [] : [{ ...message, parts }];
  });
}

function ofAgent({ what, ...failure }: ModelFailure, texts: Texts): ModelFailure {
  const said = what && texts.agentTroubles[what];
  const mayHaveActed = !NOTHING_DONE.includes(what);
  // Words of ours go before those that a client has of its own.
  return { ...failure, mayHaveActed, ...(said ? { message: said } : what && { what }) };
}
