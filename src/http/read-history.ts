import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { AgentService } from "../talk/agent-service.ts";
import { MessageJson, toMessageJson } from "./message-json.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
/** Messages that wait, beside a page of history. */
const MAX_WAITING = 200;

export const HistoryQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({ maxLength: 4_096, description: "next_cursor of a page, the seq of a message, or an event's id" }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
  },
  { additionalProperties: false },
);

export const HistoryJson = Type.Object({
  messages: Type.Array(MessageJson, { description: "The history, oldest first; on its last page then what waits." }),
  next_cursor: Type.String({ description: "Goes on after the last message of the history in this page." }),
  has_more: Type.Boolean(),
});

/**
 * One page of a session's history, then what waits. Only the history moves the cursor: what waits is shown by every
 * page that reaches the end, until it has become history. Rejects like `AgentService.getMessages`.
 */
export async function readHistory(
  service: AgentService,
  user: UserId,
  session: string,
  query: Static<typeof HistoryQuery>,
): Promise<Static<typeof HistoryJson>> {
  const limit = query.limit ?? DEFAULT_PAGE;
  const after = seqOf(query.after ?? "");
  const page: Static<typeof HistoryJson> = { messages: [], next_cursor: after, has_more: false };
  let waiting = 0;
  for await (const item of await service.getMessages(user, session, { after, limit: limit + 1 })) {
    if (item.kind === "event") continue;
    if (item.kind === "accepted" && ++waiting > MAX_WAITING) break;
    page.has_more = item.kind === "message" && page.messages.length === limit;
    if (page.has_more) break;
    page.messages.push(toMessageJson(item));
    if (item.kind === "message") page.next_cursor = String(item.seq);
  }
  return page;
}

/** Every cursor begins with the seq up to which the history was read. */
function seqOf(cursor: string): string {
  const seq = /^(\d{1,15})(?:\.|$)/.exec(cursor)?.[1];
  if (seq === undefined && cursor !== "") throw new GatewayError("invalid", "This is no cursor of a session.");
  return seq ?? "";
}
