import type { ModelChoice } from "../agent/read-model.ts";
import { changeSession, findSession } from "../store/talk-sessions.ts";
import { escapeMarkdown } from "../texts/escape-markdown.ts";
import type { CommandScene } from "./chat-commands.ts";

type ModelScene = Pick<CommandScene, "db" | "agents" | "place" | "sign" | "texts">;

/** What may be chosen from for this talk, and what was. */
async function choicesOf({ db, agents, place }: ModelScene) {
  const session = await findSession(db, place.userId, place.sessionId);
  const ofAgent = agents.settings().agents.get(session?.agent ?? "");
  const models = ofAgent?.models ?? new Map<string, ModelChoice>();
  return { models: [...models.keys()], chosen: session?.model ?? null };
}

export async function listModels(scene: ModelScene): Promise<string> {
  const { sign, texts } = scene;
  const { models, chosen } = await choicesOf(scene);
  if (models.length === 0) return texts.noModels;
  const here = (holds: boolean) => (holds ? ` ${texts.thisOne}` : "");
  const lines = models.map((model, index) => {
    return `${index + 1}. **${escapeMarkdown(model)}**${here(model === chosen)}`;
  });
  const usual = `• **default** – ${texts.usualModel}${here(chosen === null || !models.includes(chosen))}`;
  return `${lines.join("\n")}\n${usual}\n\n${texts.chooseModel(sign)}`;
}

/** From the next turn on; an answer under way is finished by the model it was begun with. */
export async function chooseModel(scene: ModelScene, given: string): Promise<string> {
  const { db, place, sign, texts } = scene;
  const { models } = await choicesOf(scene);
  if (models.length === 0) return texts.noModels;
  const chosen = /^\d{1,2}$/.test(given) ? models[Number(given) - 1] : models.find((model) => model === given);
  const cleared = given.toLowerCase() === "default";
  if (chosen === undefined && !cleared) return texts.noSuchModel(sign);
  await changeSession(db, place.userId, place.sessionId, { model: chosen ?? null });
  return chosen === undefined ? texts.modelCleared : texts.modelChosen(escapeMarkdown(chosen));
}
