import type { ComponentChildren } from "preact";

export type Tone = "good" | "bad" | "warn" | "live" | "quiet";

const TONES: Record<string, Tone> = {
  running: "live",
  waiting: "warn",
  completed: "good",
  ok: "good",
  failed: "bad",
  error: "bad",
  cancelled: "quiet",
  uncertain: "warn",
  parked: "warn",
  "taking in": "good",
  "standing by": "quiet",
  failing: "bad",
  "does not answer": "bad",
  draining: "warn",
  connecting: "warn",
  "in trouble": "bad",
  refused: "bad",
};

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** A state as the API names it, in its colour. */
export function State({ of }: { of: string }) {
  return <Badge tone={TONES[of] ?? "quiet"}>{of}</Badge>;
}
