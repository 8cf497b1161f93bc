import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What the browser gets is what the sources say now, made as `npm start` makes it where it is missing. */
export function setup(): void {
  rmSync(`${root}/dist/web`, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, ["web/prepare.js"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the page cannot be built");
}
