import type { ContextActionsBlock, ModalView } from "@slack/types";
import type { Choice, PressedButton, ReasonForm, RenderedPage, Thumbs } from "../../src/platform/platform-adapter.ts";
import { BUTTON_VALUE, VOTE_ACTION } from "./read-slack-interaction.ts";
import { REASON_FIELD, REASON_VIEW, reasonMetadata } from "./read-slack-reason.ts";
import type { SlackApi } from "./slack-api.ts";
import { blocksOf, isButtons, type SlackRich } from "./slack-render.ts";

/** What people may write into the form. "Maximum value is 3000" (docs.slack.dev, plain-text input). */
const MAX_REASON = 3_000;

/** The page with Slack's own thumbs, on which each person sees what they have pressed. */
export function withThumbs(page: RenderedPage, { up, down }: Thumbs): RenderedPage {
  const thumbs: ContextActionsBlock = {
    type: "context_actions",
    elements: [
      { type: "feedback_buttons", action_id: VOTE_ACTION, positive_button: thumb(up), negative_button: thumb(down) },
    ],
  };
  const blocks = [...blocksOf(page).filter((block) => !isButtons(block)), thumbs];
  return { text: page.text, rich: { blocks } satisfies SlackRich };
}

/** Texts are words of ours, within the 75 characters that Slack takes. */
function thumb({ value, label }: Choice) {
  if (!BUTTON_VALUE.test(value)) throw new Error("the value of a button is at most 64 characters of ASCII");
  return { text: plain(label), accessibility_label: label, value };
}

const plain = (text: string) => ({ type: "plain_text" as const, text });

/** Opens a modal: Slack takes the press's trigger for three seconds. */
export async function openReasonForm(api: SlackApi, { formAt, place }: PressedButton, form: ReasonForm): Promise<void> {
  if (formAt === undefined) return;
  const view: ModalView = {
    type: "modal",
    callback_id: REASON_VIEW,
    private_metadata: reasonMetadata(form.value, place.chat, place.thread),
    title: plain(form.title),
    submit: plain(form.send),
    close: plain(form.cancel),
    blocks: [
      {
        type: "input",
        block_id: REASON_FIELD,
        label: plain(form.label),
        element: { type: "plain_text_input", action_id: REASON_FIELD, multiline: true, max_length: MAX_REASON },
      },
    ],
  };
  await api.call("views.open", { trigger_id: formAt, view });
}
