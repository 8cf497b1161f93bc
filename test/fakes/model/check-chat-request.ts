import type { SentChatMessage } from "./script.ts";

const ROLES = new Set(["system", "developer", "user", "assistant", "tool"]);
const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const CALL_ID_CHARS = 40;

/**
 * Why a real provider would answer 400, or null. As strict as the strictest: calls and results must pair up, text must
 * be well formed, nothing may be empty. https://platform.openai.com/docs/api-reference/chat/create
 */
export function chatRequestFault(body: Record<string, unknown>): string | null {
  if (typeof body["model"] !== "string" || body["model"] === "") return "you must provide a model parameter";
  if (body["stream"] !== true) return "this fake only streams";
  const messages = body["messages"];
  if (!Array.isArray(messages) || messages.length === 0) return "'messages' must not be empty";
  for (const [index, message] of (messages as SentChatMessage[]).entries()) {
    const fault = messageFault(message, index);
    if (fault) return fault;
  }
  const sent = messages as SentChatMessage[];
  return pairingFault(sent) ?? alternationFault(sent) ?? toolsFault(body["tools"]);
}

function messageFault(message: SentChatMessage, index: number): string | null {
  if (!ROLES.has(message.role)) return `messages[${index}].role is not known`;
  const { content } = message;
  if (content === undefined || content === null)
    return message.role === "assistant" && message.tool_calls?.length
      ? callsFault(message.tool_calls, index)
      : `messages[${index}].content is missing`;
  if (typeof content === "string" && (!content.isWellFormed() || content.includes("\0")))
    return `messages[${index}].content is not valid text`;
  return (
    (Array.isArray(content) ? partsFault(content, message.role, index) : null) ?? callsFault(message.tool_calls, index)
  );
}

/** https://platform.openai.com/docs/guides/images: four formats, as data, in the user's messages alone. */
function partsFault(parts: readonly unknown[], role: string, index: number): string | null {
  if (parts.length === 0) return `messages[${index}].content must not be empty`;
  for (const part of parts as { type?: string; text?: unknown; image_url?: { url?: unknown } }[]) {
    const isText =
      part.type === "text" && typeof part.text === "string" && part.text !== "" && part.text.isWellFormed();
    const url = part.type === "image_url" && role === "user" ? part.image_url?.url : undefined;
    const isImage = typeof url === "string" && /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/.test(url);
    if (!isText && !isImage) return `messages[${index}].content holds a part that is not allowed`;
  }
  return null;
}

function callsFault(calls: SentChatMessage["tool_calls"], index: number): string | null {
  if (calls?.length === 0) return `messages[${index}].tool_calls must not be empty`;
  if (calls?.some(({ id }) => id === "" || id.length > CALL_ID_CHARS))
    return `messages[${index}].tool_calls: an id must have 1 to ${CALL_ID_CHARS} characters`;
  if (calls?.some((call) => !TOOL_NAME.test(call.function.name)))
    return `messages[${index}].tool_calls: invalid function name`;
  return null;
}

function pairingFault(messages: readonly SentChatMessage[]): string | null {
  let open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id ?? "")) return `messages[${index}] answers no call of the message before`;
      continue;
    }
    if (open.size > 0) return `messages[${index}]: calls without results: ${[...open].join(", ")}`;
    open = new Set(message.tool_calls?.map((call) => call.id));
  }
  return open.size > 0 ? `calls without results: ${[...open].join(", ")}` : null;
}

/** What the templates of Mistral's, Google's and other open models insist on. */
function alternationFault(messages: readonly SentChatMessage[]): string | null {
  const at = messages.findIndex(({ role }, index) => role !== "tool" && role === messages[index - 1]?.role);
  return at === -1 ? null : `messages[${at}]: roles must alternate`;
}

function toolsFault(tools: unknown): string | null {
  if (tools === undefined) return null;
  if (!Array.isArray(tools) || tools.length === 0) return "'tools' must not be empty";
  const names = tools.map((tool: { function?: { name?: unknown } }) => tool.function?.name);
  if (names.some((name) => typeof name !== "string" || !TOOL_NAME.test(name))) return "invalid tool name";
  return new Set(names).size === names.length ? null : "tool names must be unique";
}
