/** Numbered words in paragraphs: any gap, repeat or change of order is seen. */
export function numberedWords(length: number): string {
  let text = "";
  for (let no = 1; text.length < length; no += 1) text += `word${no}${no % 60 === 0 ? "\n\n" : " "}`;
  return text.slice(0, length).trim();
}
