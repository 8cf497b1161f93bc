import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { Scenario } from "../scenario.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const run = promisify(execFile);
const INSTALL_MS = 120_000;

/** What a production install puts on the disk, the program itself left out. Needs npm and its registry or cache. */
export const install: Scenario = {
  name: "install",
  rows: ["install"],
  async run(lab, findings) {
    if (lab.options.quick) return findings.note(["install"], "skipped by --quick");
    const ours = path.join(lab.folder, "install-ours");
    const floor = path.join(lab.folder, "install-floor");
    await mkdir(ours);
    await mkdir(floor);
    for (const file of ["package.json", "package-lock.json", ".npmrc"])
      await cp(path.join(ROOT, file), path.join(ours, file));
    const { dependencies } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const { grammy, openai } = dependencies;
    await writeFile(
      path.join(floor, "package.json"),
      JSON.stringify({ private: true, dependencies: { grammy, openai } }),
    );
    try {
      await npm(ours, "ci", "--omit=dev", "--omit=optional");
      findings.add("ours", { install: await sizeMb(path.join(ours, "node_modules")) });
      await npm(floor, "install", "--no-package-lock");
      findings.add("floor", { install: await sizeMb(path.join(floor, "node_modules")) });
    } catch (error) {
      findings.note(["install"], "skipped: npm could not install, is there a registry?");
      process.stderr.write(`${error instanceof Error ? error.message.slice(0, 500) : "npm failed"}\n`);
    }
    findings.note(["install"], "node_modules, without the optional Node of its own");
  },
};

async function npm(folder: string, ...args: string[]): Promise<void> {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"];
  await run("npm", [...args, ...flags], { cwd: folder, timeout: INSTALL_MS });
}

async function sizeMb(folder: string): Promise<number> {
  const { stdout } = await run("du", ["-sk", folder]);
  return Number.parseInt(stdout, 10) / 1024;
}
