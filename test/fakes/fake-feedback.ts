import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";

/** Thumbs in pages' `rich`; a bad answer's reason is asked for by a message all see, or by a form that `told` tells of. */
export function fakeFeedback(asks: "message" | "form", told: string[]): NonNullable<PlatformAdapter["feedback"]> {
  const common: NonNullable<PlatformAdapter["feedback"]> = {
    personal: asks === "form",
    withThumbs: (page, { up, down, chosen }) => ({ ...page, rich: { up: up.value, down: down.value, chosen } }),
  };
  if (asks === "message") return { ...common, asQuestion: (page, hint) => ({ ...page, rich: { hint } }) };
  return { ...common, openForm: async ({ sender }, { value }) => void told.push(`${sender.id} is asked: ${value}`) };
}
