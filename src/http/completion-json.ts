import { Type } from "typebox";
import type { RunId, SessionId, TraceId } from "../ids.ts";
import type { OpenQuestion } from "../store/approvals.ts";
import type { UsageRow } from "../store/usage.ts";

/** https://platform.openai.com/docs/api-reference/chat/object, and where to read on. */
export const CompletionJson = Type.Object({
  id: Type.String(),
  object: Type.Literal("chat.completion"),
  created: Type.Integer(),
  model: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      message: Type.Object({
        role: Type.Literal("assistant"),
        content: Type.String(),
        refusal: Type.Null(),
      }),
      logprobs: Type.Null(),
      finish_reason: Type.String(),
    }),
  ),
  usage: Type.Object({
    prompt_tokens: Type.Integer(),
    completion_tokens: Type.Integer(),
    total_tokens: Type.Integer(),
    prompt_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
    completion_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
  }),
  session_id: Type.String(),
  run_id: Type.Union([Type.String(), Type.Null()]),
  trace_id: Type.Union([Type.String(), Type.Null()]),
});

/** Which answer is meant, by the words of both APIs. */
export interface CompletionOf {
  model: string;
  session: SessionId;
  created: number;
  run: RunId | null;
  trace: TraceId | null;
}

export function toCompletion(of: CompletionOf, text: string, reason: string, usage: UsageRow[]) {
  const message = { role: "assistant" as const, content: text, refusal: null };
  return {
    ...envelope(of),
    object: "chat.completion" as const,
    choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
    usage: toUsage(usage),
  };
}

/** https://platform.openai.com/docs/api-reference/chat-streaming/object */
export function toChunk(of: CompletionOf, delta: { role?: "assistant"; content?: string }, reason: string | null) {
  return { ...envelope(of), ...CHUNK, choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }] };
}

export function toUsageChunk(of: CompletionOf, usage: UsageRow[]) {
  return { ...envelope(of), ...CHUNK, choices: [], usage: toUsage(usage) };
}

const CHUNK = { object: "chat.completion.chunk" as const };

function envelope({ model, session, created, run, trace }: CompletionOf) {
  const known: { session_id: string; run_id: string | null; trace_id: string | null } = {
    session_id: session,
    run_id: run,
    trace_id: trace,
  };
  return { id: `chatcmpl-${run ?? session}`, created, model, ...known };
}

function toUsage(rows: readonly UsageRow[]) {
  const sum = (pick: (row: UsageRow) => number) => rows.reduce((total, row) => total + pick(row), 0);
  const [input, output] = [sum((row) => row.input), sum((row) => row.output)];
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: sum((row) => row.cached) },
    completion_tokens_details: { reasoning_tokens: sum((row) => row.reasoning) },
  };
}

/** What is said instead of an answer that waits for a person. */
export function askText(session: SessionId, questions: readonly OpenQuestion[]): string {
  const calls = questions.map(({ tool, args, id }) => `- \`${tool}\` \`${args.slice(0, 300)}\` (${id})`);
  return [
    "This needs an approval before it goes on:",
    ...calls,
    `Decide at POST /v1/sessions/${session}/approvals/{id}; the answer then goes on in this session.`,
  ].join("\n");
}
