import { budgetOfId, budgetOfPlace } from "../agent/agent-settings.ts";
import { percentUsed } from "../agent/budgets.ts";
import { personScope, placeScope } from "../run/budgets-of.ts";
import { countersToday } from "../store/budget-counters.ts";
import { type Used, usedLately } from "../store/usage.ts";
import type { Texts } from "../texts/texts.ts";
import type { CommandScene } from "./chat-commands.ts";

type Scene = Pick<CommandScene, "db" | "agents" | "place" | "texts">;

/** What the person has used, in all talks of theirs, or what all have used in this group; and of which budget. */
export async function tellUsage(scene: Scene): Promise<string> {
  const { db, place, texts } = scene;
  const ofGroup = place.kind === "group";
  const { account, chat, userId } = place;
  const { today, month } = await usedLately(db, ofGroup ? { account, chat } : { user: userId });
  const [ofToday, ofMonth] = [toWords(today, texts), toWords(month, texts)];
  const used = ofGroup ? texts.usageHere(ofToday, ofMonth) : texts.usageOfYou(ofToday, ofMonth);
  const share = await shareOfBudget(scene);
  return share === "" ? used : `${used}\n\n${share}`;
}

/** "" = there is no budget of tokens or money for a day. */
async function shareOfBudget({ db, agents, place, texts }: Scene): Promise<string> {
  const settings = agents.settings();
  const ofPlace = place.kind === "group" ? budgetOfPlace(settings, place) : null;
  const budget = ofPlace ? ofPlace.budget : budgetOfId(settings, "users", place.userId);
  if (budget?.tokensPerDay === undefined && budget?.microsPerDay === undefined) return "";
  const scope = ofPlace ? placeScope(ofPlace.key) : personScope(place.userId);
  const [spent = { tokens: 0, micros: 0 }] = await countersToday(db, [scope]);
  return texts.budgetShare(texts.budgetOf[ofPlace ? "place" : "person"], percentUsed(spent, budget));
}

/** Money is told where a price is known; a plus says that some is not. Less than a cent is more than nothing. */
function toWords({ tokens, micros, unpriced }: Used, texts: Texts): string {
  const dollars = micros / 1e6;
  const amount = micros < 10_000 ? dollars.toPrecision(1) : dollars.toFixed(2);
  return `${texts.tokens(tokens)}${micros === 0 ? "" : `, $${amount}${unpriced ? "+" : ""}`}`;
}
