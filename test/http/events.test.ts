import { get } from "node:http";
import { sql } from "kysely";
import { afterEach, describe, expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import { callTool, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { until } from "../support/test-gateway.ts";
import { lookUp } from "./look-up.ts";
import { openReader, outline, type Reader } from "./sse-reader.ts";
import { KEY, startHttp, type TestHttp, type TestHttpOptions } from "./start-http.ts";

let http: TestHttp;
let url: string;
let readers: Reader[] = [];

async function start(options: TestHttpOptions = {}): Promise<void> {
  http = await startHttp(options);
  url = await http.listen();
}

async function open(session: string, options: Parameters<typeof openReader>[2] = {}): Promise<Reader> {
  const reader = await openReader(url, session, options);
  readers.push(reader);
  return reader;
}

const say = (session: string, text: string) =>
  http.call("POST", `/v1/sessions/${session}/messages`, { body: { text } });

afterEach(async () => {
  for (const reader of readers) reader.leave();
  readers = [];
  await http.stop();
});

/** A past of `length` messages. */
async function insertHistory(session: string, length: number): Promise<void> {
  const run = newId("run");
  await sql`insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
            select ${session}, n, 'msg_' || n, ${run}, n, 'user', '[{"type":"text","text":"old"}]', 'complete'
            from generate_series(1, ${length}::int) n`.execute(http.database.db);
  await sql`update talk_sessions set head_seq = ${length} where id = ${session}`.execute(http.database.db);
}

describe("a stream of events", () => {
  it("is server-sent events that carry session, agent and run", async () => {
    const model = scriptedModel("Hello.");
    await start({ model, limits: { heartbeatMs: 20 } });
    const session = await http.session();
    let bytes = "";
    const request = get(`${url}/v1/sessions/${session}/events`, {
      headers: { authorization: `Bearer ${KEY}`, "parley-user": "ann" },
    });
    const headers = await new Promise<NodeJS.Dict<string | string[]>>((resolve) => {
      request.on("response", (response) => {
        resolve(response.headers);
        response.setEncoding("utf8").on("data", (chunk: string) => (bytes += chunk));
        response.on("error", () => undefined);
      });
    });
    await say(session, "hi");
    await until("the answer and a heartbeat", () => /\nevent: run\.completed\n[^]*\n:\n/.test(bytes));
    request.destroy();
    expect(headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-request-id": expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(bytes.startsWith("retry: 1000\n\n")).toBe(true);
    const blocks = bytes.split("\n\n").filter((block) => block.startsWith("id: "));
    for (const block of blocks) {
      const [, event, data = ""] = /^id: \S[^\n]*\nevent: ([a-z.]+)\ndata: (\{.*\})$/.exec(block) ?? [];
      expect(JSON.parse(data)).toMatchObject({ session_id: session, agent: "tester" });
      if (event?.startsWith("run.")) expect(JSON.parse(data)).toMatchObject({ run_id: expect.stringMatching(/^run_/) });
    }
  });

  it("shows the history, then what waits, then what happens", async () => {
    const model = scriptedModel("First answer.");
    await start({ model, tools: lookUp });
    const session = await http.session();
    await say(session, "one");
    await until("the first answer", async () => {
      return (await http.call("GET", `/v1/sessions/${session}`)).json<{ head_seq: number }>().head_seq === 2;
    });
    const pause = hold();
    model.push(["Let me see.", callTool("look_up"), pause], "It is found.");
    await say(session, "two");
    await pause.reached;
    const reader = await open(session);
    await until("the past", () => reader.events.length >= 3);
    expect(outline(reader.events).slice(0, 3)).toEqual([
      "message user one",
      "message assistant First answer.",
      "accepted user two",
    ]);
    pause.release();
    await until("the end", () => outline(reader.events).at(-1) === "message assistant It is found.");
    expect(
      outline(reader.events)
        .slice(3)
        .filter((line) => !line.startsWith("usage")),
    ).toEqual([
      "run.started",
      "step.started",
      "text.delta Let me see.",
      "message.completed",
      "tool.started look_up",
      "tool.finished look_up found",
      "message.completed",
      "step.started",
      "text.delta It is found.",
      "message.completed",
      "run.completed",
      "message user two",
      "message assistant Let me see.",
      "message tool ",
      "message assistant It is found.",
    ]);
    const started = reader.events.find(({ event }) => event === "tool.started");
    expect(started?.data).toMatchObject({ call_id: "call_look_up", read_only: true, attempt: 1, type: "tool.started" });
    const begun = reader.events.find(({ event }) => event === "run.started");
    expect(begun?.data["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("fault-41: goes on after the last event that was read, however often it is cut, without gap or double", async () => {
    const pauses = Array.from({ length: 8 }, () => hold());
    const script = pauses.flatMap((pause, n) => [`part ${n} `, pause]);
    const model = scriptedModel([...script, "and the end."]);
    await start({ model });
    const session = await http.session();
    const whole = await open(session);
    await say(session, "go");
    const seen: Reader["events"] = [];
    let cuts = 0;
    for (const pause of [...pauses, null]) {
      const target = pause ? pauses.indexOf(pause) : -1;
      const isThere = (): boolean =>
        pause
          ? outline(whole.events).some((line) => line.includes(`part ${target} `))
          : outline(whole.events).length > 0;
      await until("the whole reader", isThere);
      const last = seen.at(-1)?.id;
      const cut = await open(session, last === undefined ? {} : { after: last });
      pause?.release();
      const more = pause ? 1 : 3;
      await until(
        "some more",
        () => cut.events.length >= more || seen.length + cut.events.length >= whole.events.length,
      );
      cut.leave();
      cuts++;
      await cut.over;
      seen.push(...cut.events.slice(0, 2));
    }
    // Two messages end it, and the question may be here before the answer is.
    await until("the end", () => whole.events.at(-1)?.data["role"] === "assistant");
    while (seen.length < whole.events.length) {
      const cut = await open(session, { after: seen.at(-1)!.id });
      await until("one more", () => cut.events.length > 0);
      cut.leave();
      cuts++;
      seen.push(cut.events[0]!);
    }
    expect(cuts).toBeGreaterThan(9);
    expect(seen.map(({ event, data }) => ({ event, data }))).toEqual(
      whole.events.map(({ event, data }) => ({ event, data })),
    );
    const text = seen.map(({ event, data }) => (event === "text.delta" ? data["text"] : "")).join("");
    expect(text).toBe("part 0 part 1 part 2 part 3 part 4 part 5 part 6 part 7 and the end.");
    expect(seen.at(-1)?.data).toMatchObject({ role: "assistant", text, status: "complete" });
  });

  it("shows all of a long history before what is going on", async () => {
    const pause = hold();
    const model = scriptedModel();
    await start({ model });
    const session = await http.session();
    await insertHistory(session, 450);
    model.push(["On it. ", pause]);
    const first = await open(session);
    await say(session, "and now?");
    await until("the first text", () => first.events.some(({ event }) => event === "text.delta"));
    const second = await open(session);
    await until("the first text again", () => second.events.some(({ event }) => event === "text.delta"));
    const names = second.events.map(({ event, data }) => (event === "message" ? data["seq"] : event));
    expect(names.slice(0, 452)).toEqual([...Array.from({ length: 450 }, (_, n) => n + 1), "accepted", "run.started"]);
    pause.release();
  });

  it("fault-41: shows a reader that was away for 70 runs every one of them, in order, with cursors that hold", async () => {
    const model = scriptedModel();
    await start({ model });
    const session = await http.session();
    const whole = await open(session);
    const texts = Array.from({ length: 70 }, (_, n) => `answer ${n}`);
    for (const [n, text] of texts.entries()) {
      model.push(text);
      await say(session, `question ${n}`);
      await until(text, () => outline(whole.events).includes(`message assistant ${text}`));
    }
    const late: Reader["events"] = [];
    const from = whole.events[2]!.id;
    const length = whole.events.length - 3;
    while (late.length < length) {
      const part = await open(session, { after: late.at(-1)?.id ?? from });
      await until("more", () => part.events.length >= Math.min(100, length - late.length));
      part.leave();
      await part.over;
      late.push(...part.events.slice(0, 100));
    }
    const runs = late.filter(({ event }) => event === "message" || event.startsWith("run.") || event === "text.delta");
    const expected = whole.events.slice(3).filter(({ event }) => event !== "accepted");
    expect(outline(runs)).toEqual(
      outline(expected.filter(({ event }) => ["message", "text.delta"].includes(event) || event.startsWith("run."))),
    );
    expect(late.filter(({ event }) => event === "accepted")).toHaveLength(69);
  });

  it("takes its beginning from the header, else from the query, and refuses what is no cursor", async () => {
    const model = scriptedModel("One.", "Two.");
    await start({ model });
    const session = await http.session();
    const reader = await open(session);
    for (const text of ["1", "2"]) {
      await say(session, text);
      await until("the answer", () =>
        outline(reader.events).includes(`message assistant ${text === "1" ? "One" : "Two"}.`),
      );
    }
    const headers = { authorization: `Bearer ${KEY}`, "parley-user": "ann" };
    const first = async (query: string, more: Record<string, string> = {}): Promise<string> => {
      const end = new AbortController();
      const response = await fetch(`${url}/v1/sessions/${session}/events${query}`, {
        headers: { ...headers, ...more },
        signal: end.signal,
      });
      let text = "";
      for await (const chunk of response.body!) {
        text += new TextDecoder().decode(chunk);
        if (text.includes("\ndata:")) break;
      }
      end.abort();
      return /"text":"([^"]*)"/.exec(text)?.[1] ?? "";
    };
    expect(await first("")).toBe("1");
    expect(await first("?after=2")).toBe("2");
    expect(await first("?after=2", { "last-event-id": "1" })).toBe("One.");
    const middle = reader.events.find(({ event }) => event === "message")!.id;
    expect(await first(`?after=${encodeURIComponent(middle)}`)).toBe("One.");
    for (const after of ["x", "-1", "1.2", "1;drop", "1 run_x@1.1"]) {
      const refused = await http.call("GET", `/v1/sessions/${session}/events?after=${encodeURIComponent(after)}`);
      expect(refused.json(), after).toMatchObject({ status: 400, detail: "This is no cursor of a session." });
    }
  });

  it("ends at once when the server closes, and no other is opened", async () => {
    const never = hold();
    await start({ model: scriptedModel(["Be patient ", never]), limits: { closeMs: 600_000 } });
    const session = await http.session();
    const reader = await open(session);
    await say(session, "hi");
    await until("the first text", () => reader.events.some(({ event }) => event === "text.delta"));
    const closed = http.app.close();
    await reader.over;
    await closed;
    await expect(openReader(url, session)).rejects.toThrow();
  });

  it("leaves the run alone when its reader goes", async () => {
    const pause = hold();
    await start({ model: scriptedModel(["Half", pause, " and half."]) });
    const session = await http.session();
    const reader = await open(session);
    await say(session, "hi");
    await pause.reached;
    reader.leave();
    pause.release();
    await until("the answer", async () => {
      const { messages } = (await http.call("GET", `/v1/sessions/${session}`)).json<{ messages: { text: string }[] }>();
      return messages.at(-1)?.text === "Half and half.";
    });
  });
});

describe("the number of streams", () => {
  it("is limited for each user, and those that are closed make room", async () => {
    await start({ limits: { streamsPerUser: 2 } });
    const session = await http.session();
    const first = await open(session);
    await open(session);
    const refused = await http.call("GET", `/v1/sessions/${session}/events`);
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    await open(await http.session("bea"), { user: "bea" });
    first.leave();
    await until("room", () =>
      open(session).then(
        () => true,
        () => false,
      ),
    );
  });

  it("is limited for all together", async () => {
    await start({ limits: { streams: 1 } });
    await open(await http.session());
    const session = await http.session("bea");
    const refused = await http.call("GET", `/v1/sessions/${session}/events`, { user: "bea" });
    expect(refused.statusCode).toBe(503);
    expect(refused.json()).toMatchObject({ code: "unavailable", detail: "Too many event streams are open." });
  });
});
