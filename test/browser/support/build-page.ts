import { build } from "vite";
import { fileURLToPath } from "node:url";

/** What the browser gets is what the sources say now. */
export async function setup(): Promise<void> {
  await build({ root: fileURLToPath(new URL("../../../web", import.meta.url)), logLevel: "warn" });
}
