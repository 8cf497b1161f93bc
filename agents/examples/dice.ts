import { randomInt } from "node:crypto";
import { OpenAI } from "openai";
import type { RunnableToolFunctionWithParse } from "openai/lib/RunnableFunction";
import type { Message } from "../../src/agent/message.ts";
import type { AgentModule } from "../../src/agent/outside-agent.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";

/**
 * An agent with a framework behind it, here the tool loop of OpenAI's SDK. The gateway gives it the talk and a signal,
 * and does the rest: shows, stores, stops, resumes. To try it, write into agents/parley.yaml:
 *
 *     agents: { dice: { description: Throws dice, module: examples/dice.ts:agent } }
 *
 * The SDK reads OPENAI_API_KEY and OPENAI_BASE_URL.
 */
export const agent: AgentModule = async function* (clone, signal) {
  const runner = new OpenAI().chat.completions.runTools(
    {
      model: "gpt-6.1-terra",
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "You throw dice for people. Never make up what was thrown." },
        ...talk([...clone.history, ...clone.turn]),
      ],
      tools: [THROW],
    },
    { signal },
  );
  let calls = 0;
  const steps = new ReadableStream<string | RunEvent>({
    start(controller) {
      runner.on("content", (words) => controller.enqueue(words));
      runner.on("functionToolCall", ({ name, arguments: args }) => {
        calls += 1;
        controller.enqueue({ type: "tool.started", callId: `${calls}`, tool: name, args, readOnly: true });
      });
      runner.on("functionToolCallResult", (text) => {
        controller.enqueue({
          type: "tool.finished",
          callId: `${calls}`,
          tool: "throw_dice",
          ok: true,
          ms: 0,
          text,
        });
      });
      runner.on("error", (error) => controller.error(error));
      runner.on("abort", (error) => controller.error(error));
      runner.on("end", () => runner.errored || runner.aborted || controller.close());
    },
  });
  yield* steps;
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = await runner.totalUsage();
  yield { type: "usage", model: "gpt-6.1-terra", usage: { inputTokens, outputTokens } };
};

const THROW: RunnableToolFunctionWithParse<{ count: number }> = {
  type: "function",
  function: {
    name: "throw_dice",
    description: "Throws dice and tells what they show",
    parameters: {
      type: "object",
      properties: { count: { type: "integer", minimum: 1, maximum: 20 } },
      required: ["count"],
    },
    parse: JSON.parse,
    function: ({ count }) => Array.from({ length: Math.min(count, 20) }, () => randomInt(1, 7)).join(", "),
  },
};

/** What was said, without what agents called; what one side says in a row is one message, as strict servers want it. */
function talk(messages: readonly Message[]): { role: "user" | "assistant"; content: string }[] {
  const said: { role: "user" | "assistant"; content: string }[] = [];
  for (const { role, parts } of messages) {
    const content = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    if (role === "tool" || content === "") continue;
    const last = said.at(-1);
    if (last?.role === role) last.content += `\n\n${content}`;
    else said.push({ role, content });
  }
  return said;
}
