/** A name as it is shown: nothing in it is invisible, or turns what stands around it, as in a file that seems another. */
export function shownName(name: string): string {
  // Joiners make letters and emoji of many scripts.
  return name.replaceAll(/(?![\u200c\u200d])\p{C}/gu, "").trim();
}
