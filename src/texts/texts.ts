import { english } from "./english.ts";
import { chinese } from "./chinese.ts";
import { german } from "./german.ts";
import { russian } from "./russian.ts";

/** Everything the gateway itself says in chats, once per language; agents speak for themselves. Markdown. */
export interface Texts {
  /** The line under an answer that was stopped, or ended by a newer message. */
  stopped: string;
  interrupted: string;
  /** Under an answer that failed: what happened, and the run's short id for the operator. */
  failed(what: string, run: string): string;
  /** What became of a message that came while an answer was under way. */
  receiptQueued: string;
  receiptSteered: string;
  receiptRefused: string;
  cannotBeShown(run: string): string;
}

const LANGUAGES: Readonly<Record<string, Texts>> = { en: english, ru: russian, de: german, zh: chinese };

/** The texts of a language as a platform names it, for example `de-AT`; English where there are none, and for "". */
export function textsFor(language: string): Texts {
  return LANGUAGES[language.toLowerCase().split(/[-_]/)[0] ?? ""] ?? english;
}
