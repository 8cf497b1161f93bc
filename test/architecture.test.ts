import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Import, importsOf, sourceFiles } from "./support/imports.ts";

/** A part of the program that has arrows of its own. */
interface Room {
  /** Its files; `*` at the end stands for whatever follows. */
  holds: readonly string[];
  /** The rooms whose code it loads. Its own files may always load each other. */
  loads: readonly string[];
  /** The rooms of which it knows the types alone. */
  knows?: readonly string[];
  /** Packages, each with its subpaths. */
  packages?: readonly string[];
  builtins?: false;
}

const WORDS = ["errors", "ids", "finding"];
const SHARED = [
  ...WORDS,
  "texts",
  "config",
  "platform",
  "agent",
  "store",
  "talk",
  "run",
  "delivery",
  "http",
  "observe",
];
const MARKDOWN = ["mdast", "mdast-util-from-markdown", "mdast-util-gfm", "micromark-extension-gfm"];
const SLACK = ["@slack/bolt", "@slack/socket-mode", "@slack/types", "@slack/web-api", "undici"];
const WEB = ["preact", "marked", "dompurify", "highlight.js", "vite"];

/** The whole table of arrows. Whatever is not in it is forbidden. */
const ROOMS: Record<string, Room> = {
  errors: { holds: ["src/errors.ts"], loads: [] },
  ids: { holds: ["src/ids.ts"], loads: [] },
  finding: { holds: ["src/finding.ts"], loads: [] },
  texts: { holds: ["src/texts/*"], loads: [] },
  compiled: { holds: ["src/compile-cache.js"], loads: [] },
  config: { holds: ["src/config*"], loads: WORDS, knows: ["platform", "agent"] },
  platform: { holds: ["src/platform/*"], loads: WORDS, knows: ["agent"] },
  agent: { holds: ["src/agent/*"], loads: [...WORDS, "texts"], knows: ["platform"], packages: ["yaml", "typebox"] },
  store: {
    holds: ["src/store/*"],
    loads: WORDS,
    knows: ["config", "platform", "agent", "observe"],
    packages: ["kysely", "pg", "@electric-sql/pglite"],
  },
  talk: { holds: ["src/talk/*"], loads: SHARED },
  run: { holds: ["src/run/*"], loads: SHARED },
  delivery: { holds: ["src/delivery/*"], loads: SHARED },
  http: {
    holds: ["src/http/*"],
    loads: SHARED,
    packages: [
      "fastify",
      "@fastify/fast-json-stringify-compiler",
      "@fastify/swagger",
      "@fastify/type-provider-typebox",
      "typebox",
    ],
  },
  observe: {
    holds: ["src/observe/*"],
    loads: [...WORDS, "config"],
    knows: ["platform", "agent"],
    packages: ["pino", "prom-client"],
  },
  gateway: { holds: ["src/gateway.ts"], loads: SHARED },
  main: {
    holds: [
      "src/main.ts",
      "src/open-adapters.ts",
      "src/open-web.ts",
      "src/doctor.ts",
      "src/diagnose-web.ts",
      "src/talk-cli.ts",
      "src/parley-cli.ts",
    ],
    loads: [
      ...SHARED,
      "gateway",
      "cli",
      "telegram",
      "slack",
      "openai",
      "documents",
      "web-pages",
      "mcp",
      "otlp",
      "oidc",
    ],
  },
  // Speaks HTTP with a gateway; of the store it reads the file with the key.
  cli: { holds: ["src/cli/*"], loads: [...WORDS, "config", "store"] },
  telegram: {
    holds: ["adapters/telegram/*"],
    loads: [...WORDS, "platform"],
    packages: ["grammy", "undici", ...MARKDOWN],
  },
  slack: { holds: ["adapters/slack/*"], loads: [...WORDS, "platform"], packages: SLACK },
  documents: { holds: ["adapters/documents/*"], loads: [...WORDS, "agent"], packages: ["unpdf"] },
  "web-pages": {
    holds: ["adapters/web/*"],
    loads: [...WORDS, "agent"],
    packages: ["undici", "decode-named-character-reference"],
  },
  openai: { holds: ["adapters/openai/*"], loads: [...WORDS, "agent"], packages: ["openai", "undici"] },
  mcp: { holds: ["adapters/mcp/*"], loads: [...WORDS, "agent"], packages: ["@modelcontextprotocol/client"] },
  otlp: { holds: ["adapters/otlp/*"], loads: WORDS, knows: ["observe"], packages: ["undici"] },
  oidc: { holds: ["adapters/oidc/*"], loads: [...WORDS, "platform"], packages: ["openid-client"] },
  migrations: { holds: ["migrations/*"], loads: [], packages: ["kysely"], builtins: false },
  "page-builder": { holds: ["web/prepare.js"], loads: [] },
  web: { holds: ["web/*"], loads: [], packages: WEB, builtins: false },
};

/** The only files that import what is named at run time, and why their arrows cannot be read. */
const COMPUTED = [
  "src/store/migrate.ts", // the files of migrations/
  "src/agent/load-functions.ts", // what stands among the cards
];

const FOLDERS = ["src", "adapters", "migrations", "web"];
const MAX_LINES = 400;
const ROOT = path.join(import.meta.dirname, "..");

function roomOf(file: string): string | undefined {
  return Object.keys(ROOMS).find((name) => ROOMS[name]?.holds.some((held) => isHeld(file, held)));
}

function isHeld(file: string, held: string): boolean {
  return held.endsWith("*") ? file.startsWith(held.slice(0, -1)) : file === held;
}

/** Why this import is not in the table; undefined if it is. */
function wrongArrow(found: Import): string | undefined {
  const { from, to, typeOnly } = found;
  const name = roomOf(from);
  const room = name === undefined ? undefined : ROOMS[name];
  if (room === undefined) return `${from} belongs to no room`;
  if (to === null) return COMPUTED.includes(from) ? undefined : `${from} → what it names at run time`;
  const arrow = `${from} → ${to}${typeOnly ? " (type)" : ""}`;
  if (/^(src|adapters|migrations|web|test|bench)\//.test(to) || to.startsWith("..")) {
    const target = roomOf(to);
    const allowed = [name, ...room.loads, ...(typeOnly ? (room.knows ?? []) : [])];
    return target !== undefined && allowed.includes(target) ? undefined : arrow;
  }
  if (isBuiltin(to)) return to.startsWith("node:") && room.builtins !== false ? undefined : arrow;
  const named = (room.packages ?? []).some((dependency) => to === dependency || to.startsWith(`${dependency}/`));
  return named ? undefined : arrow;
}

function wrongArrows(root: string): string[] {
  return sourceFiles(root, FOLDERS)
    .flatMap((file) => importsOf(root, file))
    .map((found) => wrongArrow(found))
    .filter((arrow) => arrow !== undefined);
}

describe("the arrows", () => {
  const files = sourceFiles(ROOT, FOLDERS);

  test("every import follows the table", () => {
    expect(wrongArrows(ROOT)).toEqual([]);
  });

  test("the files were seen: every room that exists was entered, and nobody lives outside of one", () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap((file) => importsOf(ROOT, file)).length).toBeGreaterThan(files.length);
    expect(files.filter((file) => roomOf(file) === undefined)).toEqual([]);
    const empty = Object.values(ROOMS)
      .flatMap((room) => room.holds)
      .filter((held) => held.endsWith("/*") && existsSync(path.join(ROOT, held.slice(0, -2))))
      .filter((held) => !files.some((file) => isHeld(file, held)));
    expect(empty).toEqual([]);
  });

  describe("a planted fault is found", () => {
    const root = mkdtempSync(path.join(tmpdir(), "parley-arrows-"));
    afterAll(() => rmSync(root, { recursive: true }));

    test.each([
      ["src/run/worker.ts", 'import { Bot } from "grammy";', "src/run/worker.ts → grammy"],
      ["src/talk/accept.ts", 'import { sql } from "kysely";', "src/talk/accept.ts → kysely"],
      [
        "src/agent/loop.ts",
        'import { openDatabase } from "../store/database.ts";',
        "src/agent/loop.ts → src/store/database.ts",
      ],
      [
        "src/agent/loop.ts",
        'import { inbox } from "../platform/inbox.ts";',
        "src/agent/loop.ts → src/platform/inbox.ts",
      ],
      ["src/http/server.ts", 'export { main } from "../main.ts";', "src/http/server.ts → src/main.ts"],
      [
        "src/http/server.ts",
        'import { T } from "../../adapters/telegram/a.ts";',
        "src/http/server.ts → adapters/telegram/a.ts",
      ],
      ["src/store/runs.ts", 'import { Run } from "../run/run.ts";', "src/store/runs.ts → src/run/run.ts"],
      ["src/store/runs.ts", 'import fs from "fs";', "src/store/runs.ts → fs"],
      ["src/extra/file.ts", 'import "node:fs";', "src/extra/file.ts belongs to no room"],
      ["src/delivery/page.ts", "await import(name);", "src/delivery/page.ts → what it names at run time"],
      ["src/main.ts", 'import { fake } from "../test/fakes/x.ts";', "src/main.ts → test/fakes/x.ts"],
      [
        "adapters/openai/a.ts",
        'import type { T } from "../telegram/b.ts";',
        "adapters/openai/a.ts → adapters/telegram/b.ts (type)",
      ],
      [
        "adapters/telegram/a.ts",
        'import { db } from "../../src/store/d.ts";',
        "adapters/telegram/a.ts → src/store/d.ts",
      ],
      ["migrations/0001-x.ts", 'import { newId } from "../src/ids.ts";', "migrations/0001-x.ts → src/ids.ts"],
      ["migrations/0001-x.ts", 'import "node:fs";', "migrations/0001-x.ts → node:fs"],
      [
        "web/app.tsx",
        'import type { Message } from "../src/agent/message.ts";',
        "web/app.tsx → src/agent/message.ts (type)",
      ],
    ])("%s: %s", (file, code, arrow) => {
      mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(root, file), code);
      expect(wrongArrows(root)).toEqual([arrow]);
      rmSync(path.join(root, file));
    });
  });
});

describe("the size of files", () => {
  test(`none has more than ${MAX_LINES} lines without its reason in docs/architecture.md`, () => {
    const page = path.join(ROOT, "docs/architecture.md");
    const reasons = existsSync(page) ? readFileSync(page, "utf8") : "";
    const long = sourceFiles(ROOT, [...FOLDERS, "test", "bench"]).filter(
      (file) => readFileSync(path.join(ROOT, file), "utf8").split("\n").length > MAX_LINES + 1,
    );
    expect(long.filter((file) => !reasons.includes(file))).toEqual([]);
  });
});
