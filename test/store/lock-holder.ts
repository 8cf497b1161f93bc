import { lockDataDir } from "../../src/store/data-dir.ts";

/** Locks the directory it is given, says how that went, collects its garbage, and stays until it is killed. */
try {
  await lockDataDir(process.argv[2]!);
  globalThis.gc?.();
  globalThis.gc?.();
  process.stdout.write("held\n");
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${(error as { code: string }).code}: ${(error as Error).message}\n`);
}
