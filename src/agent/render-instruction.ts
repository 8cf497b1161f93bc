import type { AgentCard } from "./agent-card.ts";

const ENVIRONMENT = "Parley, a chat gateway. There is no shell and no folder of files to work in.";
/** fast-agent's placeholders of what does not exist here, and why they are left empty. */
const EMPTY: Readonly<Record<string, string>> = {
  workspaceRoot: "there is no folder to work in",
  serverInstructions: "what an MCP server says of itself is no instruction here",
  agentSkills: "skills are not read yet",
};
/** Anybody who can name an address could have the gateway fetch it, also from inside its network. */
const URL_PLACEHOLDER = /\{\{url:[^{}\n]*\}\}/g;

/**
 * The instruction with its placeholders filled in. `today` is a date that stays the same all day, so that the prompt's
 * beginning does too (providers cache it). Placeholders that are not known stay as written. The card's path is its
 * name among the cards: where these lie is nothing for a chat.
 */
export function renderInstruction(
  card: Pick<AgentCard, "name" | "file" | "instruction" | "templateVars">,
  today: string,
): string {
  const empty = Object.fromEntries(Object.keys(EMPTY).map((name) => [name, ""]));
  const values: Record<string, string> = {
    ...card.templateVars,
    ...empty,
    currentDate: today,
    agentName: card.name,
    agentType: "agent",
    agentCardPath: card.file ?? "",
    agentCardDir: ".",
    env: ENVIRONMENT,
  };
  return card.instruction
    .replaceAll(URL_PLACEHOLDER, "")
    .replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) =>
      Object.hasOwn(values, name) ? (values[name] as string) : whole,
    );
}

/** Which placeholders of an instruction are left empty, and why: one sentence each. */
export function emptyPlaceholders(instruction: string): string[] {
  const named = Object.entries(EMPTY)
    .filter(([name]) => instruction.includes(`{{${name}}}`))
    .map(([name, why]) => `{{${name}}} is left empty: ${why}`);
  const urls = new Set(instruction.match(URL_PLACEHOLDER) ?? []);
  return [...named, ...[...urls].map((url) => `${url} is left empty: the gateway fetches no addresses for cards`)];
}
