import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export interface Import {
  /** The importing file, relative to the root. */
  from: string;
  /** A file relative to the root, or a package or builtin as written; null where it is computed at run time. */
  to: string | null;
  /** Nothing of it is left when the program runs. `import { type A }` still loads its file, so it is none. */
  typeOnly: boolean;
}

/** All source files below `folders` of `root`, relative to it, with `/`; a folder that does not exist holds none. */
export function sourceFiles(root: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) => filesBelow(root, folder)).filter((file) => /\.[cm]?[jt]sx?$/.test(file));
}

function filesBelow(root: string, folder: string): string[] {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : filesBelow(root, name);
    return [name];
  });
}

/** Every import of a file: static, re-exported, dynamic and `import type`; `require` counts as a dynamic one. */
export function importsOf(root: string, file: string): Import[] {
  const code = withoutComments(readFileSync(path.join(root, file), "utf8"));
  const statements = [...code.matchAll(STATEMENT)].map(({ groups = {} }) => ({
    from: file,
    to: resolve(file, groups["to"] ?? ""),
    typeOnly: groups["type"] !== undefined,
  }));
  const calls = [...code.matchAll(CALL)].map(({ groups = {} }) => ({
    from: file,
    to: groups["to"] === undefined ? null : resolve(file, groups["to"]),
    typeOnly: false,
  }));
  return [...statements, ...calls];
}

const STATEMENT =
  /(?:^|;)[ \t]*(?:import\s*|(?:import|export)\s+(?<type>type\s+(?!from\b))?[\w$*{][\w\s$*{},]*?\bfrom\s*|(?:import|export)\s*[*{][\w\s$*{},]*?\bfrom\s*)["'](?<to>[^"'\n]+)["']/gm;
const CALL = /\b(?:import|require)\s*\((?:\s*["'`](?<to>[^"'`$\n]+)["'`]\s*[,)])?/g;

function resolve(file: string, specifier: string): string {
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : specifier;
}

/** Strings, templates and regular expressions are stepped over, so that what looks like a comment in them stays. */
function withoutComments(code: string): string {
  return code.replace(TOKEN, (token) => (/^\/[/*]/.test(token) ? " " : token));
}

const TOKEN = new RegExp(
  [
    /\/\/[^\n]*/, // line comment
    /\/\*[\s\S]*?\*\//, // block comment
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/,
    /`(?:\\[\s\S]|[^`\\])*`/,
    /(?<=[(,=:[!&|?{};]\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//, // regular expression
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);
