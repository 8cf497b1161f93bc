import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callTool, scriptedModel } from "../fakes/scripted-model.ts";
import { newId, type SessionId } from "../../src/ids.ts";
import { until } from "../support/test-gateway.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
const model = scriptedModel();

beforeAll(async () => {
  http = await startHttp({ model });
});
afterAll(() => http.stop());

interface Listed {
  messages: { role: string; parts: { type: string; file?: string }[] }[];
}

async function sentFile(session: string, name: string, content: string): Promise<string> {
  model.push([callTool("send_file", { name, content })] as never, "There you are.");
  await http.call("POST", `/v1/sessions/${session}/messages`, { body: { text: "a file please" } });
  const files = async () => {
    const { messages } = (await http.call("GET", `/v1/sessions/${session}`)).json<Listed>();
    return messages.flatMap(({ parts }) => parts.flatMap(({ file }) => (file === undefined ? [] : [file])));
  };
  await until("the history names the file", async () => (await files()).length > 0);
  return (await files())[0]!;
}

describe("security-27: a file of a session", () => {
  it("is listed and read by its user, to be saved and never shown", async () => {
    const session = await http.session();
    const file = await sentFile(session, 'größe "1".html', "<script>alert(1)</script>");
    const read = await http.call("GET", `/v1/sessions/${session}/files/${file}`);
    expect(read.statusCode).toBe(200);
    expect(read.body).toBe("<script>alert(1)</script>");
    expect(read.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="gr__e _1_.html"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20_1_.html`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "cross-origin-resource-policy": "same-origin",
    });
  });

  it.each([
    ["image/png", "image/png"],
    ["image/svg+xml", "application/octet-stream"],
    ["text/html", "application/octet-stream"],
  ])("that is %s goes out as %s", async (mediaType, sent) => {
    const session = (await http.session()) as SessionId;
    const file = { id: newId("fil"), session_id: session, name: "x", media_type: mediaType, size: 1 };
    await http.database.db
      .insertInto("files")
      .values({ ...file, content: Buffer.from("x") })
      .execute();
    const read = await http.call("GET", `/v1/sessions/${session}/files/${file.id}`);
    expect(read.headers["content-type"]).toBe(sent);
  });

  it("security-16: is not there for anybody else, nor through another session", async () => {
    const session = await http.session();
    const file = await sentFile(session, "a.txt", "mine");
    const mine = await http.session();
    const theirs = await http.session("mallory");
    for (const [user, path] of [
      ["mallory", `${session}/files/${file}`],
      ["mallory", `${theirs}/files/${file}`],
      ["ann", `${mine}/files/${file}`],
      ["ann", `${session}/files/${newId("fil")}`],
      ["ann", `${session}/files/..%2f..%2fetc`],
    ] as const) {
      expect((await http.call("GET", `/v1/sessions/${path}`, { user })).statusCode, path).toBe(404);
    }
  });
});
