import { createHash } from "node:crypto";
import { functionTools } from "../agent/function-tools.ts";
import type { Tool, ToolCall, ToolResult, ToolSource } from "../agent/tool-source.ts";
import type { FileId } from "../ids.ts";
import type { SessionFile } from "../store/files.ts";

/** UTF-8 bytes of a file that a model writes. */
const MAX_BYTES = 1_000_000;
const MAX_NAME = 80;
const KEEP_MS = 20_000;
const NAME = "send_file";

export interface SendFileOptions {
  /** Of the run: a call that is repeated after a crash makes the same file. */
  run: string;
  /** False = the chat takes no files. */
  shown: boolean;
  /** False = the run belongs to another attempt. */
  keep: (file: SessionFile) => Promise<boolean>;
}

const TOOL: Tool = {
  name: NAME,
  description: "Sends the person a text file (for example Markdown, CSV or code) after your answer.",
  schema: {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, description: "With its ending, for example report.csv" },
      content: { type: "string", minLength: 1 },
      media_type: { type: "string", description: "For example text/csv" },
    },
    required: ["name", "content"],
    additionalProperties: false,
  },
  readOnly: false,
  // The same call makes the same file.
  afterCrash: "repeat",
};

/** A run's tools and one more, by which the agent hands the person a file that it writes. */
export function withSendFile(tools: ToolSource, options: SendFileOptions): ToolSource {
  const list = async (): Promise<Tool[]> => {
    const others = await tools.list();
    return others.some(({ name }) => name === NAME) ? others : [...others, TOOL];
  };
  return {
    list,
    async call(call, signal, context) {
      if (call.tool !== NAME || !(await list()).includes(TOOL)) return tools.call(call, signal, context);
      return sendFile(call, options, signal);
    },
    unreachable: () => tools.unreachable?.() ?? [],
  };
}

async function sendFile(call: ToolCall, options: SendFileOptions, signal: AbortSignal): Promise<ToolResult> {
  const id = fileId(options.run, call.callId);
  const checked = functionTools([{ ...TOOL, timeoutMs: KEEP_MS, run: (args) => keepFile(id, args, options) }]);
  const result = await checked.call(call, signal);
  return result.ok ? { ...result, file: id } : result;
}

async function keepFile(id: FileId, args: Record<string, unknown>, { shown, keep }: SendFileOptions): Promise<string> {
  if (!shown) throw new Error("This chat takes no files. Write the content into your answer instead");
  const bytes = Buffer.from((args["content"] as string).toWellFormed());
  if (bytes.length > MAX_BYTES) throw new Error(`A file has at most ${MAX_BYTES} bytes. Send less`);
  const name = safeName(args["name"] as string);
  if (!(await keep({ id, name, mediaType: safeType(args["media_type"]), bytes }))) throw new Error("The run is over");
  return `The file ${name} will be sent after your answer.`;
}

function fileId(run: string, callId: string): FileId {
  return `fil_${createHash("sha256").update(`${run} ${callId}`).digest("hex").slice(0, 32)}` as FileId;
}

/** The last part of what may look like a path, without what file systems and chats take for more than a name. */
function safeName(name: string): string {
  const last = name.toWellFormed().split(/[/\\]/).at(-1) ?? "";
  const plain = last.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"|?*@`]+/gu, "_").replace(/^[.\s]+|[.\s]+$/g, "");
  return [...plain].slice(-MAX_NAME).join("") || "file.txt";
}

function safeType(claimed: unknown): string {
  const type = typeof claimed === "string" ? claimed.toLowerCase() : "";
  return /^(text\/(plain|markdown|csv|css|x-[a-z0-9.+-]{1,40})|application\/(json|yaml|xml|toml))$/.test(type)
    ? type
    : "text/plain";
}
