/** The pure function, remembering what it made of texts of `units` UTF-16 units in all; what was not used for longest goes first. */
export function rememberByText<T>(units: number, make: (text: string) => T): (text: string) => T {
  const kept = new Map<string, T>();
  let size = 0;
  return (text) => {
    const known = kept.get(text);
    kept.delete(text);
    const made = known ?? make(text);
    kept.set(text, made);
    if (known === undefined) size += text.length;
    for (const oldest of kept.keys()) {
      if (size <= units) break;
      kept.delete(oldest);
      size -= oldest.length;
    }
    return made;
  };
}
