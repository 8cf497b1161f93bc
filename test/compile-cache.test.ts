import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";

/** A checkout in small: the file that is loaded first, and a program that says where compiled code is kept. */
async function inCheckout(check: (folder: string, start: () => string) => void): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "parley-cache-"));
  try {
    await cp("src/compile-cache.js", path.join(folder, "src/compile-cache.js"));
    await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
    const program =
      'import { getCompileCacheDir } from "node:module"; process.stdout.write(getCompileCacheDir() ?? "");';
    await writeFile(path.join(folder, "src/program.ts"), program);
    const start = () => {
      const args = ["--import", "./src/compile-cache.js", "src/program.ts"];
      return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8", env: {} });
    };
    check(folder, start);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("a start leaves its compiled code with the installed packages, for the next one", async () => {
  await inCheckout((folder, start) => {
    const kept = path.join(folder, "node_modules/.cache/parley");
    expect(start()).toContain(kept);
    expect(readdirSync(kept, { recursive: true }).length).toBeGreaterThan(1);
  });
});

test("a start goes on without it where the folder cannot be made", async () => {
  await inCheckout((folder, start) => {
    // A file where a folder should be stops root as well.
    execFileSync("sh", ["-c", "echo > node_modules"], { cwd: folder });
    expect(start()).toBe("");
    expect(existsSync(path.join(folder, "node_modules/.cache"))).toBe(false);
  });
});
