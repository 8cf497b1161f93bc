/** A file's name as code, in which nothing is live; its kind where it has none. */
export function fileName({ name, kind }: { name: string; kind: string }): string {
  return inCode(name, kind);
}

/** What others have named, as code; `otherwise` where it has no name. */
export function inCode(name: string, otherwise: string): string {
  const shown = name
    .toWellFormed()
    .replaceAll(/[`\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim();
  return `\`${[...(shown || otherwise)].slice(0, 60).join("")}\``;
}
