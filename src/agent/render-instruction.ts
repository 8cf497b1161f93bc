import type { AgentCard } from "./agent-card.ts";

/**
 * The instruction with its placeholders filled in. `today` is a date that stays the same all day, so that the prompt's
 * beginning does too (providers cache it). Placeholders that are not known stay as written.
 */
export function renderInstruction(
  card: Pick<AgentCard, "name" | "instruction" | "templateVars">,
  today: string,
): string {
  const values: Record<string, string> = { ...card.templateVars, currentDate: today, agentName: card.name };
  return card.instruction.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] as string) : whole,
  );
}
