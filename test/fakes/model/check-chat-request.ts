import { wireFaults } from "../../support/provider-rules.ts";

/** Why a real provider would answer 400, or null. As strict as the strictest. */
export function chatRequestFault(body: Record<string, unknown>): string | null {
  if (typeof body["model"] !== "string" || body["model"] === "") return "you must provide a model parameter";
  if (body["stream"] !== true) return "this fake only streams";
  // The tool loop of OpenAI's SDK sends "" beside calls (openai/lib/AbstractChatCompletionRunner).
  const isBesideCalls = (at: number) => Object.hasOwn((body["messages"] as object[])[at] ?? {}, "tool_calls");
  const fault = wireFaults(body).find(({ rule, at }) => rule !== "empty text" || !isBesideCalls(at));
  if (!fault) return null;
  return fault.at < 0 ? fault.rule : `messages[${fault.at}]: ${fault.rule}`;
}
