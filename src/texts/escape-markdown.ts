/** Titles, names and facts are people's words, not Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>~|#]/g, (sign) => `\\${sign}`);
}
