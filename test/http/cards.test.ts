import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const FILE =
  "---\ndescription: helps\nservers: [mail]\nrequest_params: { template_vars: { hours: '${HOURS:9}' } }\n---\nHelp. {{file:tone.txt}}\n";
const edit = (body: string, fields = "servers: [mail]") => `---\ndescription: edited\n${fields}\n---\n${body}\n`;
const model = scriptedModel();
/** Every write gets a time of its own. */
let time = 1_700_000_000;
let dir: string;
let http: TestHttp;
let other: TestGateway;

async function write(name: string, text: string): Promise<void> {
  await writeFile(join(dir, name), text);
  time += 1;
  await utimes(join(dir, name), time, time);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cards-"));
  await write("helper.md", FILE);
  await write("tone.txt", "Be kind.");
  await write("secret.txt", "Not for the model.");
  http = await startHttp({ model, cardsDir: dir });
  other = await startTestGateway({ url: "", database: http.database, model, cardsDir: dir });
});
afterAll(async () => {
  await other.gateway.stop(0);
  await http.stop();
  await rm(dir, { recursive: true });
});

interface CardJson {
  version: number;
  source: string;
  text: string;
  faults: string[];
  versions: { no: number; source: string; author: string; note: string }[];
}

const URL = "/v1/agents/helper/card";
async function read(): Promise<{ card: CardJson; etag: string }> {
  const answer = await http.call("GET", URL);
  return { card: answer.json<CardJson>(), etag: answer.headers["etag"] as string };
}
async function put(text: string, etag?: string) {
  const headers = { "if-match": etag ?? (await read()).etag };
  return http.call("PUT", URL, { headers, body: { text, note: "shorter" } });
}
async function revert(to: number) {
  const { etag } = await read();
  return http.call("POST", `${URL}/revert`, { headers: { "if-match": etag }, body: { to } });
}
const instructions = async () => {
  await Promise.all([other.agents.reload(), http.call("GET", URL)]);
  return other.agents.get("helper")?.instruction;
};
const versions = async (): Promise<[string, string]> => {
  const here = (await http.call("GET", "/v1/agents/helper")).json<{ version: string }>().version;
  return [here, other.agents.get("helper")?.instruction ?? ""];
};

beforeEach(async () => {
  await revert(0);
});

describe("a card that an operator edits", () => {
  it("goes before its file on every replica within seconds, with versions, and back", async () => {
    const no = (await read()).card.version;
    expect((await read()).card).toMatchObject({ source: "file", text: FILE });
    const [before] = await versions();
    const put1 = await put(edit("Help twice."));
    expect(put1.json()).toMatchObject({ version: no + 1, source: "edited", text: edit("Help twice."), faults: [] });
    await until("the other replica", async () => other.agents.get("helper")?.instruction === "Help twice.", 5_000);
    await until(
      "both to say so",
      async () => {
        const { replicas } = (await http.call("GET", "/v1/platforms")).json<{ replicas: { edits: object }[] }>();
        const told = replicas.map(({ edits }) => (edits as Record<string, number>)["helper.md"]);
        return told.length === 2 && told.every((each) => each === no + 1);
      },
      5_000,
    );
    await until("this one", async () => (await versions())[0] !== before, 5_000);
    await put(edit("Help thrice."));
    const back = await revert(no + 1);
    expect(back.json<CardJson>()).toMatchObject({ version: no + 3, text: edit("Help twice.") });
    expect(back.json<CardJson>().versions.slice(0, 3)).toEqual([
      expect.objectContaining({ no: no + 3, note: `back to version ${no + 1}`, author: "admin" }),
      expect.objectContaining({ no: no + 2, note: "shorter", source: "edited" }),
      expect.objectContaining({ no: no + 1, note: "shorter", source: "edited" }),
    ]);
    expect((await http.call("GET", `${URL}/versions/${no + 2}`)).json()).toMatchObject({ text: edit("Help thrice.") });
    expect((await http.call("GET", `${URL}/versions/0`)).json()).toMatchObject({ source: "file", text: FILE });
    expect((await http.call("GET", `${URL}/versions/4711`)).statusCode).toBe(404);
    expect((await revert(0)).json()).toMatchObject({ source: "file", text: FILE });
    await until("the file", async () => (await instructions()) === "Help. Be kind.", 5_000);
    const { entries } = (await http.call("GET", "/v1/audit?action=agent.card")).json<{ entries: object[] }>();
    expect(entries[0]).toMatchObject({ target: "helper", detail: { file: "helper.md", source: "file" } });
  });

  it("is not written over by whoever has not seen the newest version", async () => {
    const { etag } = await read();
    expect((await put(edit("One."), etag)).statusCode).toBe(200);
    expect((await put(edit("Two."), etag)).statusCode).toBe(412);
    expect((await http.call("PUT", URL, { body: { text: edit("Two.") } })).statusCode).toBe(400);
    expect((await read()).card.text).toBe(edit("One."));
    const now = (await read()).etag;
    const both = await Promise.all([put(edit("Three."), now), put(edit("Four."), now)]);
    expect(new Set(both.map(({ statusCode }) => statusCode))).toEqual(new Set([200, 412]));
  });

  it.each([
    ["no frontmatter", "Help.", /helper\.md: frontmatter: is missing/],
    ["a field that is wrong", edit("Help.", "servers: [mail]\nuse_history: 3"), /use_history: must be true or false/],
    ["a field that is not known", edit("Help.", "servers: [mail]\nfoo: 1"), /foo: is not a field/],
    ["a model of no provider", edit("Help.", "servers: [mail]\nmodel: nobody.gpt"), /model: /],
  ])("is stored whole or not at all: %s", async (_what, text, detail) => {
    const before = (await read()).card.version;
    const refused = await put(text);
    expect([refused.statusCode, refused.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringMatching(detail) }),
    ]);
    expect((await read()).card.version).toBe(before);
  });
});

describe("an edited card gets nothing that its file does not grant", () => {
  it.each([
    [
      "a function",
      "servers: [mail]\nfunction_tools: [tools.ts:run]",
      "Help.",
      /function_tools: can be changed in the file/,
    ],
    [
      "a process",
      "servers: [mail]\nmcp_connect: [{ name: x, target: npx evil }]",
      "Help.",
      /mcp_connect: can be changed/,
    ],
    ["a server", "servers: [mail, bank]", "Help.", /servers: can be changed/],
    ["tools that were filtered", "servers: [mail]\ntools: { mail: ['*'] }", "Help.", /tools: can be changed/],
    ["an agent", "servers: [mail]\nagents: [helper]", "Help.", /agents: can be changed/],
    ["another name", "servers: [mail]\nname: root", "Help.", /name: can be changed/],
    ["a history of files", "servers: [mail]\nmessages: secret.txt", "Help.", /messages: can be changed/],
    [
      "a variable",
      "servers: [mail]\nmodel: '${HOME:gpt}'",
      "Help.",
      /\$\{HOME\}: the file does not name this variable/,
    ],
    ["a file", "servers: [mail]", "{{file:secret.txt}}", /does not name \{\{file:secret\.txt\}\}/],
    ["a file, made of a variable", "servers: [mail]\ninstruction: '{{file:${HOURS:secret.txt}}}'", "", /does not name/],
  ])("%s", async (_what, fields, body, detail) => {
    const refused = await put(edit(body, fields));
    expect([refused.statusCode, refused.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringMatching(detail) }),
    ]);
  });

  it("nor what its file does not grant any more: then the file counts", async () => {
    await put(edit("Help as edited."));
    await write("helper.md", FILE.replace("servers: [mail]\n", ""));
    await until("the file", async () => (await instructions()) === "Help. Be kind.", 5_000);
    expect(other.agents.get("helper")?.servers).toBeUndefined();
    expect((await read()).card.faults).toEqual([expect.stringMatching(/servers: can be changed in the file alone/)]);
    await write("helper.md", FILE);
    await until("the edit", async () => (await instructions()) === "Help as edited.", 5_000);
  });

  it("is read and written by operators alone", async () => {
    const person = await http.key({ kind: "person", user: await http.gateway.service.actFor("ann") });
    const viewer = await http.key({ kind: "operator", role: "viewer" });
    const headers = { "if-match": (await read()).etag };
    const body = { text: edit("Help.") };
    expect((await http.call("GET", URL, { key: person })).statusCode).toBe(403);
    expect((await http.call("PUT", URL, { key: person, headers, body })).statusCode).toBe(403);
    expect((await http.call("GET", URL, { key: viewer })).statusCode).toBe(200);
    expect((await http.call("PUT", URL, { key: viewer, headers, body })).statusCode).toBe(403);
  });
});
