const WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa";

/** How every answer to a question begins, so that a message tells whose answer it is. */
export function answerHead(question: string): string {
  return `Re ${question}: `;
}

/** The answer to a question, `chars` long: the same for the model that says it and for who checks what was shown. */
export function answerFor(question: string, chars: number): string {
  const head = answerHead(question);
  const filler = `${WORDS} `.repeat(Math.ceil(Math.max(0, chars - head.length) / (WORDS.length + 1)));
  // Platforms cut white space at the end.
  return (head + filler).slice(0, Math.max(chars, head.length)).replace(/ $/, ".");
}
