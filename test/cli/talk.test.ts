import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { hold, scriptedModel } from "../fakes/scripted-model.ts";
import { KEY, startHttp, type TestHttp } from "../http/start-http.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/test-gateway.ts";
import { runCli } from "./run-cli.ts";

let http: TestHttp | null = null;
let other: Server | null = null;

afterEach(async () => {
  await http?.stop();
  other?.close();
  http = null;
  other = null;
});

async function start(model = scriptedModel()): Promise<string> {
  http = await startHttp({ model });
  return http.listen();
}

const talk = (url: string, ...argv: string[]) => runCli("talk-cli", ["--url", url, ...argv], { ADMIN_API_KEY: KEY });

describe("npm run talk, with lines piped in", () => {
  it("answers one line after the other and ends with the input", async () => {
    const model = scriptedModel("First answer.", "Second answer.");
    const url = await start(model);
    const run = talk(url);
    run.type("one\n\ntwo\n");
    run.finish();
    expect(await run.over).toEqual({ code: 0, out: "First answer.\nSecond answer.\n", err: "" });
    const [first, second] = model.requests.map(({ messages }) => messages.length);
    expect([first, second]).toEqual([1, 3]);
  });

  it("shows an answer while it grows", async () => {
    const pause = hold();
    const run = talk(await start(scriptedModel(["Half ", pause, "and half."])));
    run.type("hi\n");
    await until("the first half", () => run.out() === "Half ");
    pause.release();
    run.finish();
    expect((await run.over).out).toBe("Half and half.\n");
  });

  it("goes on with the session used last, or the one that is named, as the user that is named", async () => {
    const model = scriptedModel("a", "b", "c");
    const url = await start(model);
    for (const argv of [[], [], ["--user", "bea"]]) {
      const run = talk(url, ...argv);
      run.type("hi\n");
      run.finish();
      expect((await run.over).code).toBe(0);
    }
    expect(model.requests.map(({ messages }) => messages.length)).toEqual([1, 3, 1]);
    const session = await http!.session("bea");
    model.push("d");
    const named = talk(url, "--user", "bea", "--session", session);
    named.type("hi\n");
    named.finish();
    expect((await named.over).out).toBe("d\n");
    const list = await http!.call("GET", "/v1/sessions", { user: "bea" });
    expect(list.json<{ sessions: { head_seq: number }[] }>().sessions.map(({ head_seq: seq }) => seq)).toEqual([2, 2]);
  });

  it("fault-41: goes on when the gateway was away in the middle of an answer, without a word twice", async () => {
    const pause = hold();
    const url = await start(scriptedModel(["One, two, ", pause, "three."], "And four."));
    const run = talk(url);
    run.type("count\n");
    await until("the first words", () => run.out() === "One, two, ");
    await http!.goAway();
    pause.release();
    await until("the notice", () => run.err().includes("reconnecting"));
    run.type("go on\n");
    run.finish();
    await http!.listen();
    const { code, out, err } = await run.over;
    expect(out).toBe("One, two, three.\nAnd four.\n");
    expect(err).toBe("(the gateway is away; reconnecting…)\n(connected again)\n");
    expect(code).toBe(0);
  });

  it("ends without a word when nobody reads on", async () => {
    const pause = hold();
    const run = talk(await start(scriptedModel(["Half ", pause, "and half."])));
    run.type("hi\n");
    await until("the first half", () => run.out() === "Half ");
    run.stopReading();
    pause.release();
    expect(await run.over).toMatchObject({ code: 0, err: "" });
  });

  it("says why an answer is none", async () => {
    const run = talk(await start());
    run.type("hi\n");
    run.finish();
    const { code, err } = await run.over;
    expect([code, err.startsWith("! ")]).toEqual([0, true]);
  });
});

describe("npm run talk says what is wrong, and ends with 1", () => {
  async function fails(run: ReturnType<typeof runCli>): Promise<string> {
    run.finish();
    const { code, out, err } = await run.over;
    expect([code, out]).toEqual([1, ""]);
    expect(err).not.toContain("    at ");
    return err;
  }

  it("when no gateway is there", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await fails(talk(url))).toBe(`No gateway answers at ${url}. Start one with: npm start\n`);
  });

  it("when something else is there", async () => {
    other = createServer((_request, response) => response.end("<html>Hello</html>"));
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await fails(talk(url))).toBe(`What answers at ${url} is no Parley gateway.\n`);
  });

  it("when a proxy is there and the gateway behind it is not", async () => {
    other = createServer((_request, response) => response.writeHead(502).end("<html>Bad Gateway</html>"));
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await fails(talk(url))).toBe(`The gateway behind ${url} does not answer (502).\n`);
  });

  it("when the user's name cannot be sent", async () => {
    const err = await fails(talk("http://127.0.0.1:1", "--user", "阿明"));
    expect(err).toContain("letters that cannot be sent");
  });

  it("when the key is another one", async () => {
    const url = await start();
    const err = await fails(runCli("talk-cli", ["--url", url], { ADMIN_API_KEY: "not-the-key" }));
    expect(err).toContain(`The gateway at ${url} refuses the key.`);
    expect(err).not.toContain("not-the-key");
  });

  it("when there is no key", async () => {
    expect(await fails(runCli("talk-cli", [], {}))).toContain("Set ADMIN_API_KEY");
  });

  it("when the session is not there", async () => {
    expect(await fails(talk(await start(), "--session", "ses_x"))).toBe("There is no such session.\n");
  });

  it("when an option is not known", async () => {
    expect(await fails(talk("http://127.0.0.1:1", "--sesion", "x"))).toContain("--sesion");
  });
});
