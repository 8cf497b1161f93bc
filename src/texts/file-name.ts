/** A file's name as code, in which nothing is live; its kind where it has none. */
export function fileName({ name, kind }: { name: string; kind: string }): string {
  const shown = name
    .toWellFormed()
    .replaceAll(/[`\s\p{Cc}\p{Cf}]+/gu, " ")
    .trim();
  return `\`${[...(shown || kind)].slice(0, 60).join("")}\``;
}
