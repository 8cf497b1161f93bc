import { english } from "./english.ts";

export type Texts = { readonly [Key in keyof typeof english]: string };

export const LANGUAGES = { en: "English", ru: "Русский", de: "Deutsch", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

let current: Texts = english;

/** What the page says, in the language that was chosen last. */
export function texts(): Texts {
  return current;
}

export async function useLanguage(language: Language): Promise<void> {
  current = await load(language);
  document.documentElement.lang = language;
}

async function load(language: Language): Promise<Texts> {
  switch (language) {
    case "ru":
      return (await import("./russian.ts")).russian;
    case "de":
      return (await import("./german.ts")).german;
    case "zh":
      return (await import("./chinese.ts")).chinese;
    case "en":
      return english;
    default:
      return language satisfies never;
  }
}

/** The first of the wanted ones that there is. */
export function languageOf(wanted: readonly string[]): Language {
  const found = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES);
  return (found ?? "en") as Language;
}
