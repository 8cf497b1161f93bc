import type { IncomingUpdate, Sender } from "../../src/platform/incoming-update.ts";
import type { SlackBot } from "./slack-content.ts";
import { CHANNEL_ID, MESSAGE_TS } from "./slack-ids.ts";
import { asObject, cleanText, type Json, objectIn, rawTextIn, shapedIn } from "./slack-json.ts";
import { type Envelope, need, placeOf } from "./slack-origin.ts";

/** The form that asks for a reason, and its one field. */
export const REASON_VIEW = "parley_reason";
export const REASON_FIELD = "reason";
/** "must have a length of at most 3000" (docs.slack.dev, view object, private_metadata). */
const MAX_METADATA = 3_000;

export function isReason(payload: Json): boolean {
  return payload["type"] === "view_submission" && objectIn(payload, "view")?.["callback_id"] === REASON_VIEW;
}

/** What was opened for which place; only we write it, and only Slack keeps it. */
export function reasonMetadata(value: string, chat: string, thread: string): string {
  return JSON.stringify({ value, chat, thread });
}

/** A form that was sent, of which there is one for each press. */
export function readReason(payload: Json, envelope: Envelope, bot: SlackBot, sender: Sender): IncomingUpdate {
  const view = need(objectIn(payload, "view"), "view");
  const about = need(readMetadata(rawTextIn(view, "private_metadata") ?? ""), "private_metadata");
  const channel = need(shapedIn(about, "chat", CHANNEL_ID), "channel");
  const thread = shapedIn(about, "thread", MESSAGE_TS) ?? "";
  const values = objectIn(objectIn(view, "state") ?? {}, "values") ?? {};
  const field = objectIn(objectIn(values, REASON_FIELD) ?? {}, REASON_FIELD) ?? {};
  const text = cleanText(rawTextIn(field, "value") ?? "");
  const value = cleanText(rawTextIn(about, "value") ?? "");
  return { ...envelope, place: placeOf(bot, sender, channel, thread), sender, kind: "reason", value, text };
}

function readMetadata(text: string): Json | null {
  if (text.length > MAX_METADATA) return null;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}
