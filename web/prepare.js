import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Builds the page where it is missing or older than its sources. Loaded by `npm start` before the program, because a
 * checkout installs without scripts, and by `prepare` where they run. The build is a process of its own, so that the
 * gateway keeps none of its memory; one that fails leaves a gateway that says so. Without Vite (an install for
 * production) it does nothing.
 */
const here = import.meta.dirname;
const madeAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = [
  ...readdirSync(here, { recursive: true }).map((name) => path.join(here, name)),
  path.join(here, "../package-lock.json"),
];
const built = madeAt(path.join(here, "../dist/web/index.html"));

if (sources.some((file) => madeAt(file) > built)) {
  const vite = findVite();
  if (vite) {
    console.error("Building the web page …");
    spawnSync(process.execPath, [vite, "build", here, "--logLevel", "warn"], { stdio: "inherit", timeout: 120_000 });
  }
}

/** The path of Vite's command; null = it is not installed. */
function findVite() {
  try {
    const manifest = fileURLToPath(import.meta.resolve("vite/package.json"));
    return madeAt(manifest) > 0 ? path.join(path.dirname(manifest), "bin/vite.js") : null;
  } catch {
    return null;
  }
}
