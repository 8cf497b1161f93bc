import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startHttp, type TestHttp } from "./start-http.ts";

/**
 * The calls of the project whose agents use Parley as their remote store, written down by hand from its routes. `send`:
 * the body. `body`: what the answer holds at least, where `{has}` stands for any value, `{matches}` for a text of that
 * form, and `{keep}` for one that later paths name in braces.
 */
interface Fixture {
  surface: string;
  steps: { call: string; send?: unknown; status: number[]; body?: unknown }[];
}

const FOLDER = path.join(import.meta.dirname, "seed-contract");
const FIXTURES = readdirSync(FOLDER).map(
  (file) => JSON.parse(readFileSync(path.join(FOLDER, file), "utf8")) as Fixture,
);
/** Every one of its surfaces that is a call. */
const SURFACES = [
  "Cost",
  "Create feedback",
  "Create session",
  "Delete",
  "Fork/revert",
  "Get/patch/stats",
  "Health",
  "List feedback",
  "Patch",
  "Read session",
  "Read traces",
  "Save session",
  "Write trace",
];

let http: TestHttp;
let key: string;

beforeAll(async () => {
  http = await startHttp();
  key = await http.key({ kind: "agent", agent: "helper" });
});
afterAll(() => http.stop());

describe("what agents of the seed project call", () => {
  it("is here surface by surface", () => {
    expect(FIXTURES.map(({ surface }) => surface).toSorted()).toEqual(SURFACES);
  });

  it.each(FIXTURES.map((fixture) => [fixture.surface, fixture] as const))("%s", async (_surface, { steps }) => {
    const kept = new Map<string, string>();
    for (const { call, send, status, body } of steps) {
      const [method = "", url = ""] = call.split(" ");
      const named = url.replaceAll(/\{(\w+)\}/g, (_found, name: string) => kept.get(name) ?? name);
      const answer = await http.call(method, named, { key, ...(send === undefined ? {} : { body: send }) });
      expect(status, `${call}: ${answer.body}`).toContain(answer.statusCode);
      if (body !== undefined) holds(call, answer.json(), body, kept);
    }
  });
});

function holds(at: string, given: unknown, wanted: unknown, kept: Map<string, string>): void {
  if (typeof wanted !== "object" || wanted === null) return expect(given, at).toEqual(wanted);
  if (Array.isArray(wanted)) {
    expect(given, at).toHaveLength(wanted.length);
    for (const [index, each] of wanted.entries()) holds(`${at}[${index}]`, (given as unknown[])[index], each, kept);
    return;
  }
  const { has, matches, keep } = wanted as { has?: true; matches?: string; keep?: string };
  if (has) return expect(given, at).toBeDefined();
  if (matches !== undefined) return expect(given, at).toMatch(new RegExp(matches));
  if (keep !== undefined) return void kept.set(keep, String(given));
  for (const [name, each] of Object.entries(wanted)) {
    holds(`${at}.${name}`, (given as Record<string, unknown>)[name], each, kept);
  }
}
