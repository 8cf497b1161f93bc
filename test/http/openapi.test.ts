import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { breakingChanges } from "../support/breaking-changes.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

/** What clients rely on. `vitest run test/http/openapi.test.ts --update` writes it, but not over what it promises. */
const PROMISED = new URL("../../docs/openapi.json", import.meta.url);

type Description = { info: { version: string }; paths: Record<string, Record<string, object>> };

let http: TestHttp;

beforeAll(async () => {
  http = await startHttp();
});
afterAll(() => http.stop());

describe("the description of the API", () => {
  it("is the one in docs, to which it may add, but breaks nothing without another major version", async () => {
    const now = (await http.app.inject("/openapi.json")).json<Description>();
    const promised = JSON.parse(await readFile(PROMISED, "utf8").catch(() => '{"paths":{}}')) as Description;
    const major = (of: Description) => of.info?.version.split(".")[0];
    if (major(promised) === major(now)) {
      expect(breakingChanges(promised, now), "this breaks clients: raise API_VERSION in version-routes.ts").toEqual([]);
    }
    await expect(`${JSON.stringify(now, null, 1)}\n`).toMatchFileSnapshot(PROMISED.pathname);
  });
});

/** As the routes' schemas come out. */
const oneOf = (...values: string[]) => ({ anyOf: values.map((value) => ({ type: "string", enum: [value] })) });
const TEXT_OR_NULL = { anyOf: [{ type: "string" }, { type: "null" }] };

/** A call with two fields that may be sent and one that is answered. */
function api(change: { path?: string; sent?: object; must?: string[]; answered?: object; query?: object[] } = {}) {
  const { path = "/v1/things", sent = { kind: oneOf("a", "b"), note: TEXT_OR_NULL }, must = [] } = change;
  const { answered = { id: { type: "string" } }, query = [{ in: "query", name: "limit", schema: {} }] } = change;
  const body = { content: { "application/json": { schema: { type: "object", properties: sent, required: must } } } };
  const schema = { type: "object", properties: answered, required: Object.keys(answered) };
  const responses = { 200: { content: { "application/json": { schema } } } };
  return { paths: { [path]: { post: { parameters: query, requestBody: body, responses } } } };
}

describe("a change of an API breaks clients", () => {
  it.each([
    ["a call is gone", api({ path: "/v1/other" }), "POST /v1/things is gone"],
    ["a field of an answer is gone", api({ answered: {} }), "POST /v1/things 200.id is gone"],
    [
      "a field of an answer is of another type",
      api({ answered: { id: { type: "integer" } } }),
      "POST /v1/things 200.id is integer instead of string",
    ],
    [
      "a field of an answer may be null",
      api({ answered: { id: TEXT_OR_NULL } }),
      "POST /v1/things 200.id is string or null instead of string",
    ],
    [
      "null may not be sent any more",
      api({ sent: { kind: oneOf("a", "b"), note: { type: "string" } } }),
      "POST /v1/things body.note is string instead of string or null",
    ],
    [
      "only some values may be sent",
      api({ sent: { kind: oneOf("a", "b"), note: { anyOf: [...oneOf("x").anyOf, { type: "null" }] } } }),
      "POST /v1/things body.note may only be x now",
    ],
    [
      "what may be sent is not known any more",
      api({ sent: { note: TEXT_OR_NULL } }),
      "POST /v1/things body.kind is gone",
    ],
    [
      "a value may not be sent any more",
      api({ sent: { kind: oneOf("a"), note: TEXT_OR_NULL } }),
      "POST /v1/things body.kind may not be b any more",
    ],
    ["something must be sent", api({ must: ["kind"] }), "POST /v1/things body.kind is required now"],
    ["a parameter is gone", api({ query: [] }), "POST /v1/things query limit is gone"],
    [
      "a parameter must be there",
      api({ query: [{ in: "query", name: "limit", required: true, schema: {} }] }),
      "POST /v1/things query limit is required now",
    ],
  ])("where %s", (_what, newer, said) => {
    expect(breakingChanges(api(), newer)).toEqual([said]);
  });

  it("and one that only adds does not", () => {
    const newer = api({
      sent: { kind: oneOf("a", "b", "c"), note: TEXT_OR_NULL, more: {} },
      answered: { id: { type: "string" }, more: { type: "string" } },
      query: [
        { in: "query", name: "limit", schema: {} },
        { in: "query", name: "more", schema: {} },
      ],
    });
    expect(breakingChanges(api(), newer)).toEqual([]);
  });
});
