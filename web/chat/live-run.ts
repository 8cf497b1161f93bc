import type { WireMessage, WirePart, WireThought } from "./wire.ts";

/** A piece of an answer, in the order of what happened. */
export type Block =
  | { kind: "text"; text: string }
  /** What the model thought before the `step`th answer of its run. */
  | { kind: "thought"; step: number; text: string; ms: number }
  | {
      kind: "tool";
      callId: string;
      tool: string;
      args: string;
      state: "running" | "done" | "failed";
      result: string;
      ms: number | null;
      progress: string;
      file: string | null;
    }
  | {
      kind: "approval";
      approval: string;
      callId: string;
      tool: string;
      args: string;
      again: boolean;
      expiresAt: string;
      decision: string | null;
    }
  | { kind: "file"; name: string; file: string | null; mediaType: string; size: number | undefined }
  /** A message of a person's that joined here. */
  | { kind: "joined"; messageId: string };

export interface RunEnd {
  type: "completed" | "failed" | "cancelled";
  /** Why it stopped, the failure's code, or by what it was cancelled. */
  reason: string;
  /** Of a failure, for the person. */
  message: string;
}

/** A run that is not history yet. */
export interface LiveRun {
  id: string;
  agent: string;
  traceId: string | null;
  /** The newest event that was read. */
  attempt: number;
  n: number;
  startedAt: string;
  blocks: readonly Block[];
  /** The next text begins a block of its own. */
  between: boolean;
  notice: string;
  end: RunEnd | null;
}

export type Thought = Omit<WireThought, "run_id">;

type Data = Record<string, unknown>;
type ToolBlock = Extract<Block, { kind: "tool" }>;

export function beginRun(id: string, data: Data): LiveRun {
  return {
    id,
    agent: textOf(data["agent"]),
    traceId: typeof data["trace_id"] === "string" ? data["trace_id"] : null,
    attempt: 0,
    n: 0,
    startedAt: textOf(data["at"]),
    blocks: [],
    between: false,
    notice: "",
    end: null,
  };
}

/** The run after one more event of its own. */
export function goOn(run: LiveRun, type: string, data: Data): LiveRun {
  switch (type) {
    case "run.restarted": {
      const kept = Array.isArray(data["kept"]) ? (data["kept"] as WireMessage[]) : [];
      return { ...run, blocks: blocksOf(kept, thoughtsIn(run.blocks)), between: true, notice: "" };
    }
    case "reasoning.delta":
      return think(run, { step: Number(data["step"]), text: textOf(data["text"]), ms: Number(data["ms"]) });
    case "text.delta":
      return addText(run, textOf(data["text"]));
    case "message.completed":
      return typeof data["messageId"] === "string" && roleOf(data) === "user"
        ? { ...add(run, { kind: "joined", messageId: data["messageId"] }), between: true }
        : { ...run, between: true };
    case "tool.started":
      return add(run, toolOf(textOf(data["call_id"]), textOf(data["tool"]), textOf(data["args"])));
    case "tool.progress":
      return changeTool(run, data, { progress: textOf(data["text"]) });
    case "tool.finished":
      return changeTool(run, data, {
        state: data["ok"] === true ? "done" : "failed",
        result: textOf(data["text"]),
        ms: Number(data["ms"]),
        progress: "",
        file: typeof data["file"] === "string" ? data["file"] : null,
      });
    case "child.event": {
      const inner = data["event"] as Data | undefined;
      return inner?.["type"] === "tool.started" ? changeTool(run, data, { progress: textOf(inner["tool"]) }) : run;
    }
    case "approval.requested":
      return add(run, {
        kind: "approval",
        approval: textOf(data["approval"]),
        callId: textOf(data["call_id"]),
        tool: textOf(data["tool"]),
        args: textOf(data["args"]),
        again: data["again"] === true,
        expiresAt: textOf(data["expiresAt"]),
        decision: null,
      });
    case "approval.resolved":
      return {
        ...run,
        blocks: run.blocks.map((block) =>
          block.kind === "approval" && block.approval === data["approval"]
            ? { ...block, decision: textOf(data["decision"]) }
            : block,
        ),
      };
    case "notice":
      return { ...run, notice: textOf(data["text"]) };
    case "run.completed":
      return { ...run, notice: "", end: { type: "completed", reason: textOf(data["stop_reason"]), message: "" } };
    case "run.failed":
      return {
        ...run,
        notice: "",
        end: { type: "failed", reason: textOf(data["code"]), message: textOf(data["message"]) },
      };
    case "run.cancelled":
      return { ...run, notice: "", end: { type: "cancelled", reason: textOf(data["by"]), message: "" } };
    default:
      return run;
  }
}

/** What messages of a run that are history say, as the blocks it showed when it was under way. */
export function blocksOf(messages: readonly WireMessage[], thoughts: readonly Thought[] = []): Block[] {
  const blocks: Block[] = [];
  let step = 0;
  for (const { role, parts, message_id: messageId } of messages) {
    if (role === "assistant") {
      step += 1;
      for (const thought of thoughts) if (thought.step === step) blocks.push({ kind: "thought", ...thought });
    }
    if (role === "user") blocks.push({ kind: "joined", messageId });
    else for (const part of parts) addPart(blocks, part);
  }
  return blocks;
}

/** Of a run under way, to be kept when it is history. */
export function thoughtsIn(blocks: readonly Block[]): Thought[] {
  return blocks.flatMap((block) =>
    block.kind === "thought" ? [{ step: block.step, text: block.text, ms: block.ms }] : [],
  );
}

function think(run: LiveRun, { step, text, ms }: Thought): LiveRun {
  const at = run.blocks.findLastIndex((block) => block.kind === "thought" && block.step === step);
  const before = run.blocks[at];
  if (before?.kind !== "thought") return add(run, { kind: "thought", step, text, ms });
  return { ...run, blocks: run.blocks.with(at, { ...before, text: before.text + text, ms }) };
}

function addPart(blocks: Block[], part: WirePart): void {
  if (part.type === "text") {
    if ((part.text ?? "").trim() !== "") blocks.push({ kind: "text", text: part.text ?? "" });
  } else if (part.type === "tool_call") {
    blocks.push(toolOf(part.call_id ?? "", part.tool ?? "", part.args ?? ""));
  } else if (part.type === "tool_result") {
    const at = blocks.findLastIndex((block) => block.kind === "tool" && block.callId === part.call_id);
    const call = blocks[at] as ToolBlock | undefined;
    if (!call) return;
    const file = part.file ?? null;
    blocks[at] = { ...call, state: part.ok === false ? "failed" : "done", result: part.text ?? "", file };
  } else if (part.type === "file") {
    blocks.push({
      kind: "file",
      name: part.name ?? "",
      file: part.file ?? null,
      mediaType: part.media_type ?? "",
      size: part.size,
    });
  }
}

function toolOf(callId: string, tool: string, args: string): ToolBlock {
  return { kind: "tool", callId, tool, args, state: "running", result: "", ms: null, progress: "", file: null };
}

function addText(run: LiveRun, text: string): LiveRun {
  const last = run.blocks.at(-1);
  if (last?.kind !== "text" || run.between) return { ...add(run, { kind: "text", text }), between: false, notice: "" };
  return { ...run, blocks: [...run.blocks.slice(0, -1), { kind: "text", text: last.text + text }] };
}

function add(run: LiveRun, block: Block): LiveRun {
  return { ...run, blocks: [...run.blocks, block] };
}

/** The newest call with this id: another attempt may make it again. */
function changeTool(run: LiveRun, data: Data, change: Partial<ToolBlock>): LiveRun {
  const at = run.blocks.findLastIndex((block) => block.kind === "tool" && block.callId === data["call_id"]);
  if (at < 0) return run;
  return { ...run, blocks: run.blocks.with(at, { ...(run.blocks[at] as ToolBlock), ...change }) };
}

function roleOf(data: Data): string {
  return textOf((data["message"] as Data | undefined)?.["role"]);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
