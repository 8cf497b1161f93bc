import { deleteMemories, type Memory, memoriesOf } from "../store/memories.ts";
import { escapeMarkdown } from "../texts/escape-markdown.ts";
import type { CommandScene } from "./chat-commands.ts";

/** Memories that `/memory` lists. */
const LISTED = 100;

type MemoryScene = Pick<CommandScene, "db" | "place" | "sign" | "texts">;

/** In private what agents remember of the person; in a group what they remember of the group, never of a person. */
export async function listMemories({ db, place, sign, texts }: MemoryScene): Promise<string> {
  const memories = await memoriesOf(db, place.userId);
  if (memories.length === 0) return texts.nothingRemembered;
  const lines = memories.slice(0, LISTED).map((memory, index) => `${index + 1}. ${shown(memory)}`);
  const more = memories.length > LISTED ? [texts.rememberedMore(memories.length - LISTED)] : [];
  const title = place.kind === "private" ? texts.remembered : texts.rememberedHere;
  return `${title}\n\n${[...lines, ...more].join("\n")}\n\n${texts.forgetOne(sign)}`;
}

/** By its number in the list, or all. */
export async function forget({ db, place, sign, texts }: MemoryScene, given: string): Promise<string> {
  const memories = await memoriesOf(db, place.userId);
  if (memories.length === 0) return texts.nothingRemembered;
  const all = given.toLowerCase() === "all";
  const one = /^\d{1,4}$/.test(given) ? memories[Number(given) - 1] : undefined;
  const chosen = all ? memories : one ? [one] : [];
  if (chosen.length === 0) return given === "" ? texts.forgetOne(sign) : texts.noSuchMemory(sign);
  await deleteMemories(
    db,
    place.userId,
    chosen.map(({ id }) => id),
  );
  return one ? texts.forgotten(shown(one)) : texts.forgottenAll(chosen.length);
}

function shown({ agent, fact }: Memory): string {
  return `${escapeMarkdown(fact)} (${escapeMarkdown(agent)})`;
}
