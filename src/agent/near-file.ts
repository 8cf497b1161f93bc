import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";

/** A file that a card names, which lies in the folder of the cards. */
export type NearFile = { text: string } | { fault: string; missing?: true };

/**
 * Reads a file by its path from the folder of the cards. Nothing outside of it can be had, also not by a link, and
 * nothing hidden: its words go to the model, and the model may repeat them to anybody. Never rejects.
 */
export async function readNearFile(dir: string, path: string, maxBytes: number): Promise<NearFile> {
  const steps = path.split(/[/\\]/);
  const leaves = steps.some((step) => step === ".." || /^\.[^.]/.test(step) || step.includes("\0"));
  if (leaves || isAbsolute(path) || /^[A-Za-z]:/.test(path)) {
    return { fault: "must lie in the folder of the cards, and not be hidden" };
  }
  try {
    const file = await realpath(join(dir, path));
    // A folder that is mounted may reach its own files through links.
    if (!file.startsWith((await realpath(dir)) + sep))
      return { fault: "is a link that leads out of the cards' folder" };
    const info = await stat(file);
    if (!info.isFile()) return { fault: "is not a file" };
    if (info.size > maxBytes) return { fault: "is too large; 256 kB are the most that a card may have in all" };
    return { text: await readFile(file, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { fault: `cannot be read (${code || "unknown"})`, ...(code === "ENOENT" && { missing: true as const }) };
  }
}
