/** What people say instead of /stop, whole messages only. */
const STOP_WORDS = new Set(
  `stop halt stopp anhalten aufhören стоп хватит остановись остановитесь 停 停止 停下 别说了`.split(" "),
);

/** Whether a message is nothing but a stop word; "stop it" and "stop?" are not. */
export function isStopWord(text: string): boolean {
  return STOP_WORDS.has(
    text
      .trim()
      .toLowerCase()
      .replace(/[.!。！]$/u, "")
      .trim(),
  );
}
