import { type Used, usedLately } from "../store/usage.ts";
import type { Texts } from "../texts/texts.ts";
import type { CommandScene } from "./chat-commands.ts";

/** What the person has used, in all chats of theirs, or what all have used in this group. */
export async function tellUsage({ db, place, texts }: Pick<CommandScene, "db" | "place" | "texts">): Promise<string> {
  const ofGroup = place.kind === "group";
  const { account, chat, userId } = place;
  const { today, month } = await usedLately(db, ofGroup ? { account, chat } : { user: userId });
  const [ofToday, ofMonth] = [toWords(today, texts), toWords(month, texts)];
  return ofGroup ? texts.usageHere(ofToday, ofMonth) : texts.usageOfYou(ofToday, ofMonth);
}

/** Money is told where a price is known; a plus says that some is not. */
function toWords({ tokens, micros, unpriced }: Used, texts: Texts): string {
  const money = micros === 0 ? "" : `, $${(micros / 1e6).toFixed(2)}${unpriced ? "+" : ""}`;
  return `${texts.tokens(tokens.toLocaleString("en"))}${money}`;
}
