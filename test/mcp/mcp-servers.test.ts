import { afterEach, describe, expect, test } from "vitest";
import { readMcpServers } from "../../adapters/mcp/read-mcp-servers.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { manualClock } from "../agent/manual-clock.ts";
import { type HttpMcpServer, startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { until } from "../support/test-gateway.ts";
import { asProcess, callOf, live, namesOf, type Pool, startPool } from "./start-mcp.ts";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.close();
});

async function http(): Promise<HttpMcpServer> {
  const server = await startHttpMcpServer();
  opened.push(server);
  return server;
}

function start(...args: Parameters<typeof startPool>): Pool {
  const started = startPool(...args);
  opened.push(started.pool);
  return started;
}

const card = { servers: ["fake"] };

describe("one pool of connections", () => {
  test.each(["over HTTP", "to a process"])("serves fifty runs at once by one connection %s", async (how) => {
    const server = how === "over HTTP" ? await http() : null;
    const { pool } = start({ fake: server ? { url: server.url } : asProcess });
    const runs = Array.from({ length: 50 }, (_, run) => ({ run, view: pool.view(card, `session ${run}`) }));
    const answers = await Promise.all(
      runs.map(async ({ run, view }) => {
        await view.list();
        return (await callOf(view, "fake__echo", { text: `run ${run}` })).text;
      }),
    );
    expect(answers).toEqual(runs.map(({ run }) => `run ${run}`));
    expect(pool.connections).toBe(1);
    if (server) expect(server.sessions).toBe(1);
  });

  test("connects to nothing before a run asks, and to no server its card does not name", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url }, other: { url: server.url } });
    const view = pool.view(card, "s");
    expect(pool.connections).toBe(0);
    await view.list();
    expect(pool.connections).toBe(1);
    expect((await callOf(view, "other__echo")).text).toBe('There is no tool "other__echo".');
  });

  test("closes a connection that nobody has used for five minutes; the next run opens another", async () => {
    const server = await http();
    const clock = manualClock();
    const { pool } = start({ fake: { url: server.url } }, clock);
    await pool.view(card, "s").list();
    clock.advance(299_000);
    expect((await callOf(pool.view(card, "s"), "fake__echo", { text: "a" })).text).toBe("a");
    clock.advance(299_000);
    expect(pool.connections).toBe(1);
    clock.advance(2_000);
    await until("the connection to be closed", () => pool.connections === 0);
    expect((await callOf(pool.view(card, "s"), "fake__echo", { text: "b" })).text).toBe("b");
    expect(server.sessions).toBe(2);
  });

  test("gives each session, or each call, a connection of its own where the server is set up so", async () => {
    const server = await http();
    const { pool } = start({
      fake: { url: server.url, scope: "session" },
      paranoid: { url: server.url, scope: "call" },
    });
    const views = ["a", "b", "a"].map((session) => pool.view(card, session));
    for (const view of views) await callOf(view, "fake__echo", { text: "x" });
    expect(server.sessions).toBe(2);
    const careful = pool.view({ servers: ["paranoid"] }, "a");
    await careful.list();
    await callOf(careful, "paranoid__echo");
    await callOf(careful, "paranoid__echo");
    expect(server.sessions).toBe(5);
    await until("the connections of calls to be closed", () => pool.connections === 3);
  });

  test("makes no more calls at once than the server is to get", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url, concurrency: 2 } });
    const view = pool.view(card, "s");
    const stop = new AbortController();
    const held = [callOf(view, "fake__hangs", {}, stop.signal), callOf(view, "fake__hangs", {}, stop.signal)];
    await until("two calls to arrive", () => server.calls.length === 2);
    const third = callOf(view, "fake__echo", { text: "third" });
    const left = callOf(view, "fake__echo", { text: "left" }, AbortSignal.abort());
    expect((await left).ok).toBe(false);
    expect(server.calls).toEqual(["hangs", "hangs"]);
    stop.abort();
    await Promise.all(held);
    expect((await third).text).toBe("third");
  });
});

describe("a server in trouble", () => {
  test("that dies in mid-call costs that call, and the next run works", async () => {
    const { pool, troubles } = start({ fake: asProcess });
    const view = pool.view(card, "s");
    const reading = callOf(view, "fake__hangs");
    await callOf(view, "fake__echo");
    const died = await callOf(view, "fake__die");
    expect(died).toEqual({
      ok: false,
      text: "The connection to fake broke before die had a result. Its outcome is unknown: it may have taken effect.",
    });
    expect(await reading).toEqual({ ok: false, text: "The connection to fake broke before hangs had a result." });
    expect(troubles).toEqual(["fake: CONNECTION_CLOSED"]);
    expect((await callOf(pool.view(card, "s"), "fake__echo", { text: "again" })).text).toBe("again");
  });

  test("whose answer breaks off over HTTP is not waited for until the call's time is over", async () => {
    const server = await http();
    const { pool, troubles } = start({ fake: { url: server.url } });
    const reading = callOf(pool.view(card, "s"), "fake__hangs");
    await until("the call to arrive", () => server.calls.length === 1);
    await server.close();
    expect(await reading).toEqual({ ok: false, text: "The connection to fake broke before hangs had a result." });
    expect(troubles).toEqual(["fake: CONNECTION_CLOSED"]);
    await server.listen();
    expect((await callOf(pool.view(card, "s"), "fake__echo", { text: "again" })).text).toBe("again");
  });

  test("that has forgotten its sessions is asked again, once, by a new one", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url } });
    const view = pool.view(card, "s");
    await view.list();
    server.forget();
    expect(await callOf(view, "fake__write")).toEqual({ ok: true, text: "written" });
    expect(server.calls).toEqual(["write"]);
  });

  test("that is away costs its tools, is left alone for a while, and is back by itself", async () => {
    const away = await http();
    const { url } = away;
    const there = await http();
    const clock = manualClock();
    const { pool, troubles } = start({ fake: { url }, there: { url: there.url } }, clock);
    const both = { servers: ["fake", "there"], toolFilters: { fake: ["echo"], there: ["echo"] } };
    await away.close();
    for (let run = 0; run < 5; run++) {
      const view = pool.view(both, "s");
      expect(await namesOf(view)).toEqual(["there__echo"]);
      expect(view.unreachable?.()).toEqual(["fake"]);
    }
    expect(troubles).toEqual(Array(3).fill("fake: ECONNREFUSED"));
    await away.listen();
    expect(await namesOf(pool.view(both, "s"))).toEqual(["there__echo"]);
    clock.advance(5_001);
    const view = pool.view(both, "s");
    expect(await namesOf(view)).toEqual(["fake__echo", "there__echo"]);
    expect(view.unreachable?.()).toEqual([]);
  });

  test("that goes away during a run fails its calls, and says that they were not made", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url } });
    const view = pool.view(card, "s");
    await view.list();
    await server.close();
    const first = await callOf(view, "fake__echo");
    const { ok, text } = await callOf(view, "fake__write");
    await server.listen();
    expect(first.ok).toBe(false);
    expect({ ok, text }).toEqual({ ok: false, text: "fake cannot be reached right now; write was not called." });
  });

  test("that wants a login by OAuth is told to the operator with what to do, and costs its tools", async () => {
    const server = await http();
    server.wantsLogin = true;
    const { pool, troubles } = start({ fake: { url: server.url } });
    const view = pool.view(card, "s");
    expect([await view.list(), view.unreachable?.()]).toEqual([[], ["fake"]]);
    expect(troubles).toEqual([
      "fake: HTTP 401: it wants other credentials; set access_token or headers (a login by OAuth is not supported)",
    ]);
  });

  test.each(["elicitation/create", "sampling/createMessage", "roots/list"])(
    "that asks the client itself (%s) is declined at once, and the call goes on",
    async (method) => {
      for (const config of [{ url: (await http()).url }, asProcess]) {
        const { pool, troubles } = start({ fake: config });
        const { ok, text } = await callOf(pool.view(card, "s"), "fake__asks", { method });
        expect([ok, text, troubles]).toEqual([true, expect.stringMatching(/^declined: (?!.*timed out)/), []]);
      }
    },
  );

  test("that nobody has set up, or may not be started here, is told to the operator, and passed over", async () => {
    const text = JSON.stringify({ mcp: { servers: { shell: { command: "sh" } } } });
    const read = readMcpServers(text, { file: "servers.yaml", lookup: () => undefined, stdio: false });
    const { pool } = start({});
    expect(pool.faultOf("mail")).toBe("is not among the MCP servers of MCP_CONFIG");
    expect(read.leftOut.get("shell")).toMatch(/is off; set MCP_STDIO=true to allow it$/);
    const view = pool.view({ servers: ["mail"] }, "s");
    expect([await view.list(), view.unreachable?.()]).toEqual([[], []]);
  });
});

describe("progress that a server tells of", () => {
  test("reaches the run of its call, the newest only, every two seconds at most, and none after the end", async () => {
    const server = await http();
    const clock = manualClock();
    const { pool } = start({ fake: { url: server.url } }, clock);
    const told: RunEvent[] = [];
    const context = { report: async (event: RunEvent) => void told.push(event), history: () => [] };
    const view = pool.view(card, "s");
    const args = JSON.stringify({ pages: ["one", "two", "three", "four".repeat(1_000)] });
    const calling = view.call({ callId: "mine", tool: "fake__index", args }, live(), context);
    const other = callOf(view, "fake__index", { pages: ["other"] });
    const texts = () => told.flatMap((event) => (event.type === "tool.progress" ? [event.text] : []));
    await until("the first to be told", () => texts().length === 1 && server.told.length === 2);
    for (const page of ["two", "three"]) {
      server.proceed();
      await until(`${page} to be told of`, () => server.told.includes(page));
    }
    expect((await other).text).toBe("indexed");
    expect(texts()).toEqual(["one"]);
    clock.advance(2_000);
    await until("the newest to be told", () => texts().length === 2);
    expect(told.at(-1)).toEqual({ type: "tool.progress", callId: "mine", progress: 3, total: 4, text: "three" });
    server.proceed();
    await until("the last to be told of", () => server.told.length === 5);
    server.proceed();
    expect((await calling).text).toBe("indexed");
    clock.advance(10_000);
    expect(texts()).toEqual(["one", "three"]);
  });
});

describe("a run that is stopped", () => {
  test("has its reading call cancelled at the server at once", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url } });
    const stop = new AbortController();
    const reading = callOf(pool.view(card, "s"), "fake__hangs", {}, stop.signal);
    await until("the call to arrive", () => server.calls.length === 1);
    stop.abort();
    expect(await reading).toEqual({ ok: false, text: "Stopped before it had a result." });
    await until("the cancellation to arrive", () => server.aborted.length === 1);
  });

  test("waits a little for a call that may have effects, then cancels it and says what is not known", async () => {
    const server = await http();
    const clock = manualClock();
    const { pool } = start({ fake: { url: server.url } }, clock);
    const stop = new AbortController();
    const writing = callOf(pool.view(card, "s"), "fake__writes_slowly", {}, stop.signal);
    await until("the call to arrive", () => server.calls.length === 1);
    stop.abort();
    await callOf(pool.view(card, "s"), "fake__echo");
    expect(server.aborted).toEqual([]);
    clock.advance(4_000);
    expect((await writing).text).toBe("Stopped. Its outcome is unknown: it may have taken effect.");
    await until("the cancellation to arrive", () => server.aborted.length === 1);
  });
});

describe("the tools of a run", () => {
  test("are those that its card lets through", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url } });
    const view = pool.view({ ...card, toolFilters: { fake: ["w*", "ec?o", "[hx]angs"] } }, "s");
    expect((await namesOf(view)).toSorted()).toEqual([
      "fake__echo",
      "fake__hangs",
      "fake__write",
      "fake__writes_slowly",
    ]);
    expect((await callOf(view, "fake__die")).text).toBe('There is no tool "fake__die".');
    expect(server.calls).toEqual([]);
  });

  test("stay as they were when it began; the next run sees what changed", async () => {
    const server = await http();
    const { pool } = start({ fake: { url: server.url } });
    const before = pool.view(card, "s");
    expect(await namesOf(before)).not.toContain("fake__grown");
    await callOf(before, "fake__grow");
    expect(await namesOf(before)).not.toContain("fake__grown");
    expect((await callOf(before, "fake__grown")).ok).toBe(false);
    await until("the next run to see it", async () => (await namesOf(pool.view(card, "s"))).includes("fake__grown"));
  });

  test("may only be repeated after a crash where the server says that this does no harm", async () => {
    const { pool } = start({ fake: { url: (await http()).url } });
    const tools = await pool.view({ ...card, toolFilters: { fake: ["echo", "write"] } }, "s").list();
    expect(tools).toMatchObject([
      { name: "fake__echo", readOnly: true, afterCrash: "repeat" },
      { name: "fake__write", readOnly: false, afterCrash: "ask" },
    ]);
  });
});

test("a call that is silent for too long is given up", async () => {
  const { pool, troubles } = start({ fake: { url: (await http()).url, read_timeout_seconds: 1 } });
  const result = await pool.view(card, "s").call({ callId: "1", tool: "fake__hangs", args: "" }, live());
  expect(result).toEqual({ ok: false, text: "hangs had no result within 1 s." });
  expect(troubles).toEqual(["fake: no answer in time"]);
});

test("security-29: secrets reach the server in its headers, and nothing that is told of its trouble", async () => {
  const server = await http();
  const { pool, troubles } = start({ fake: { url: server.url, headers: { Authorization: "Bearer s3cr3t-s3cr3t" } } });
  await pool.view(card, "s").list();
  expect(server.authorization).toBe("Bearer s3cr3t-s3cr3t");
  await server.close();
  const { text } = await callOf(pool.view(card, "s"), "fake__echo");
  await server.listen();
  expect(`${text} ${troubles.join(" ")}`).not.toContain("s3cr3t");
});
