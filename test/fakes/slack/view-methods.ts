import { jsonOf, requiredText } from "./args.ts";
import type { Json } from "./channels.ts";
import { isObject } from "../telegram/payload.ts";
import { Refusal } from "./refusal.ts";
import type { ApiCall } from "./world.ts";

/** A form that the app has opened for somebody, who may send it once. */
export interface FakeForm {
  id: string;
  view: Json;
}

/** "Triggers expire in three seconds" (docs.slack.dev, Modals). */
const TRIGGER_MS = 3_000;
const TITLE = 24;

/** Refusals as docs.slack.dev lists them for views.open. */
export function viewsOpen({ world, args }: ApiCall): Json {
  const [madeAt = ""] = requiredText(args, "trigger_id").split(".");
  if (!(world.now() - Number(madeAt) <= TRIGGER_MS)) throw new Refusal("expired_trigger_id");
  const view = jsonOf(args, "view", "invalid_arguments");
  const title = isObject(view) && isObject(view["title"]) ? view["title"]["text"] : null;
  if (!isObject(view) || view["type"] !== "modal" || typeof title !== "string" || title.length > TITLE) {
    throw new Refusal("invalid_arguments");
  }
  const form = { id: `V0FAKE${world.forms.length + 1}`, view };
  world.forms.push(form);
  return { view: { ...view, id: form.id } };
}
