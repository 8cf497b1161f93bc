/** The backticks that stand at a place of a Markdown text. https://spec.commonmark.org/0.31.2/#backtick-string */
export function codeRunAt(text: string, at: number): string {
  let end = at;
  while (text[end] === "`") end += 1;
  return text.slice(at, end);
}

/** Where as many backticks as opened a code span stand again, or -1. */
export function closingCodeRun(text: string, from: number, length: number): number {
  for (let at = text.indexOf("`", from); at !== -1;) {
    const run = codeRunAt(text, at).length;
    if (run === length) return at;
    at = text.indexOf("`", at + run);
  }
  return -1;
}
