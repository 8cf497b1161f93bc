import { type Message, textOf } from "./message.ts";
import type { ModelRequest } from "./model-client.ts";
import type { ToolCall } from "./tool-source.ts";

export interface DemoAnswer {
  text: string;
  call?: ToolCall;
}

const TIME_TOOL = "current_time";
const QUOTE_CHARS = 300;
const REMEMBERED = 20;

/** What the built-in script says to a request. Pure. */
export function demoAnswer(request: ModelRequest): DemoAnswer {
  const { messages } = request;
  const last = messages.at(-1);
  if (last?.role === "tool") return { text: afterTool(last) };
  const turnStart = messages.findLastIndex(({ role }) => role !== "user") + 1;
  const turn = messages.slice(turnStart);
  const said = turn.map(textOf).join("\n").trim();
  const earlier = messages.slice(0, turnStart).filter(({ role }) => role === "user");
  const asks = (pattern: RegExp) => pattern.test(said);

  if (asks(/\b(what|which)\b.*\bI\b.*\b(say|said|ask|asked|write|wrote|tell|told)\b|\bremember\b/is)) {
    return { text: recall(earlier) };
  }
  if (asks(/\b(what|which)\b.*\b(time|day|date)\b|\bcurrent_time\b/is)) return timeAnswer(request, messages.length);
  if (asks(/\blong\b/i)) return { text: LONG_ANSWER };
  if (earlier.length === 0 || asks(/^\s*\/?(help|start|hello|hi|hey)\b/i)) return { text: greeting(turn) };
  return { text: reply(turn, earlier.length) };
}

function timeAnswer({ tools }: ModelRequest, position: number): DemoAnswer {
  if (!tools.some(({ name }) => name === TIME_TOOL)) {
    return { text: `I would look it up, but this agent has no \`${TIME_TOOL}\` tool.` };
  }
  return { text: "", call: { callId: `demo_${position}`, tool: TIME_TOOL, args: "{}" } };
}

function afterTool(message: Message): string {
  const results = message.parts.flatMap((part) => (part.type === "tool_result" ? [part] : []));
  const lines = results.map(({ ok, text }) =>
    ok ? `It is **${oneLine(text)}**.` : `The tool failed: ${oneLine(text)}`,
  );
  return `${lines.join("\n")}\n\nI asked the \`${TIME_TOOL}\` tool for that.`;
}

function recall(earlier: readonly Message[]): string {
  if (earlier.length === 0) return "Nothing before this: it is the first message of our conversation that I can see.";
  const shown = earlier.slice(-REMEMBERED);
  const lines = shown.map((message, index) => `${index + 1}. ${attributed(message)}`);
  const cut = earlier.length > shown.length ? ` (the last ${shown.length} of ${earlier.length})` : "";
  return `Before this message you said${cut}:\n\n${lines.join("\n")}`;
}

function greeting(turn: readonly Message[]): string {
  return `${GREETING}\n\nYou said:\n\n${quoted(turn)}`;
}

function reply(turn: readonly Message[], earlier: number): string {
  const before = earlier === 1 ? "one message" : `${earlier} messages`;
  return `You said:\n\n${quoted(turn)}\n\nBefore that I know ${before} of yours. ${NOTE}`;
}

function quoted(turn: readonly Message[]): string {
  return turn.map((message) => `> ${attributed(message)}`).join("\n>\n");
}

function attributed(message: Message): string {
  const text = oneLine(textOf(message));
  return message.author ? `${oneLine(message.author.name)}: ${text}` : text;
}

/** Keeps a quote inside its line of Markdown, and short. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > QUOTE_CHARS ? `${line.slice(0, QUOTE_CHARS).toWellFormed()}…` : line;
}

const NOTE =
  "_(I am a built-in script: set `OPENAI_API_KEY` and start again to talk to a model. `help` lists what I can do.)_";

const GREETING = `Hello! I am Parley's **demo agent**. No model key is set (\`OPENAI_API_KEY\`), so I answer from a built-in script; everything around me is real: your messages are stored, I read the history of our conversation, and I speak while you watch.

Try one of these:

- **What did I say before?** I look into our history, also after a restart.
- **What time is it?** I call the \`${TIME_TOOL}\` tool.
- **Tell me something long.** Watch the answer grow for some seconds, and write again or stop me in the middle.

With \`OPENAI_API_KEY\` set (and \`OPENAI_BASE_URL\` for another provider) a model takes my place.`;

const LONG_ANSWER = `## A long answer

This is the built-in script of the demo agent, taking its time so that you can watch a message grow. Nothing is waiting for a model: each word leaves a moment after the one before, and the gateway decides when the message is edited.

### What happens to a message

1. It is **stored** before anyone says so: from then on nothing can lose it.
2. The conversation's *lane* is claimed by one process, so that two answers never overlap.
3. A fresh clone of the agent reads the history and starts to speak.
4. What it says is shown by editing one message, as often as the platform allows.
5. When it ends, the whole answer joins the history in one step.

> If the process dies in the middle, another one finishes the same message.

### A little code

\`\`\`ts
for await (const event of model.stream(request, signal)) {
  if (event.type === "text") answer += event.text;
}
\`\`\`

### And a table

| you | what I do |
| --- | --- |
| write while I speak | I stop, and answer what you wrote |
| stop me | I stop; what I said so far stays, marked |
| come back tomorrow | I still know what we said |

That is the end of the long answer: if you can read this sentence and the first one above it, nothing was lost on the way.`;
