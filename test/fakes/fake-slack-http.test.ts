import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { verifySlackRequest } from "@slack/bolt";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";
import { ALL_FORGERIES } from "./slack/forgeries.ts";

interface Hit {
  body: string;
  headers: Record<string, string>;
  /** null = genuine; else why not. */
  lie: string | null;
  response: ServerResponse;
}

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

/** A request URL that checks every request with Bolt and hands it to `answer`. @returns its URL */
async function listen(fake: FakeSlack, answer: (hit: Hit) => void): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks).toString();
      const headers = request.headers as Record<string, string>;
      answer({ body, headers, lie: lieIn(fake.app.signingSecret, headers, body), response });
    })();
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
}

function lieIn(signingSecret: string, headers: Record<string, string>, body: string): string | null {
  const timestamp = Number(headers["x-slack-request-timestamp"]);
  const given = headers["x-slack-signature"] ?? "";
  try {
    verifySlackRequest({
      signingSecret,
      body,
      headers: { "x-slack-signature": given, "x-slack-request-timestamp": timestamp },
    });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function ok({ response }: Hit): void {
  response.writeHead(200).end();
}

async function start(
  options: FakeSlackOptions,
  answer: (hit: Hit) => void = ok,
): Promise<{ fake: FakeSlack; hits: Hit[]; url: string } & AsyncDisposable> {
  const fake = await startFakeSlack({ retryWaitsMs: [0, 10, 20], ackWithinMs: 10_000, ...options });
  const hits: Hit[] = [];
  const url = await listen(fake, (hit) => {
    hits.push(hit);
    answer(hit);
  });
  fake.http.sendTo(url);
  return { fake, hits, url, [Symbol.asyncDispose]: () => fake.close() };
}

function say(fake: FakeSlack, text = "hi"): string {
  const ann = fake.user("ann");
  return fake.say({ channel: fake.dm(ann), user: ann, text }).eventIds[0] ?? "";
}

function settled(fake: FakeSlack): Promise<boolean> {
  return fake.until(() => fake.pendingEvents === 0);
}

function triesOf(hits: Hit[]): unknown[] {
  return hits.map(({ headers }) => [headers["x-slack-retry-num"], headers["x-slack-retry-reason"]]);
}

describe("a request URL", () => {
  test("gets events, presses and commands, signed so that Bolt believes them", async () => {
    await using scene = await start({});
    const { fake, hits } = scene;
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    const eventId = say(fake);
    const blocks = [
      {
        type: "actions",
        elements: [{ type: "button", text: { type: "plain_text", text: "Stop" }, action_id: "stop" }],
      },
    ];
    const ts = channel.post({ author: fake.bot, at: 0, ts: "5.000001", text: "", blocks, fromApp: true }).ts;
    await settled(fake);
    const pressed = fake.press({ channel, user: ann, ts });
    await settled(fake);
    const typed = fake.slash({ channel, user: ann, command: "/parley stop now" });
    await settled(fake);

    expect(hits.map((hit) => hit.lie)).toEqual([null, null, null]);
    expect(JSON.parse(hits[0]?.body ?? "")).toMatchObject({ event_id: eventId, type: "event_callback" });
    const form = (hit: Hit | undefined): URLSearchParams => new URLSearchParams(hit?.body ?? "");
    expect(JSON.parse(form(hits[1]).get("payload") ?? "")).toMatchObject({
      type: "block_actions",
      trigger_id: pressed.triggerId,
    });
    expect(Object.fromEntries(form(hits[2]))).toMatchObject({
      command: "/parley",
      text: "stop now",
      trigger_id: typed.triggerId,
      is_enterprise_install: "false",
    });
    expect(triesOf(hits)).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [undefined, undefined],
    ]);
    expect(fake.deliveries.map(({ kind, status, outcome }) => [kind, status, outcome])).toEqual([
      ["events_api", 200, "acknowledged"],
      ["interactive", 200, "acknowledged"],
      ["slash_commands", 200, "acknowledged"],
    ]);
  });

  test("is asked again three times while it fails, each time with the same event", async () => {
    await using scene = await start({}, ({ response }) => response.writeHead(503).end());
    const { fake, hits } = scene;
    const id = say(fake);
    await settled(fake);
    expect(triesOf(hits)).toEqual([
      [undefined, undefined],
      ["1", "http_error"],
      ["2", "http_error"],
      ["3", "http_error"],
    ]);
    expect(hits.map((hit) => (JSON.parse(hit.body) as { event_id: string }).event_id)).toEqual([id, id, id, id]);
    expect(hits.map((hit) => hit.lie)).toEqual([null, null, null, null]);
    expect(fake.lostEvents.map((event) => event.id)).toEqual([id]);
  });

  test("is not asked again once it said so", async () => {
    const headers = { "x-slack-no-retry": "1" };
    await using refusing = await start({}, ({ response }) => response.writeHead(500, headers).end());
    say(refusing.fake);
    await settled(refusing.fake);
    expect(refusing.hits).toHaveLength(1);
    expect(refusing.fake.lostEvents).toHaveLength(1);
  });

  test("that is silent or gone is told the reason", async () => {
    await using slow = await start({ ackWithinMs: 20 }, (hit) => {
      if (hit.headers["x-slack-retry-num"] !== undefined) {
        ok(hit);
      }
    });
    say(slow.fake);
    await settled(slow.fake);
    expect(triesOf(slow.hits).slice(0, 2)).toEqual([
      [undefined, undefined],
      ["1", "http_timeout"],
    ]);
    await using cut = await start({}, (hit) => {
      if (hit.headers["x-slack-retry-num"] === undefined) {
        hit.response.socket?.resetAndDestroy();
      } else {
        ok(hit);
      }
    });
    say(cut.fake);
    await settled(cut.fake);
    expect(triesOf(cut.hits).at(-1)).toEqual(["1", "connection_failed"]);
  });

  test("may be several, which get events in turn; a repeat is the same event once more", async () => {
    await using scene = await start({});
    const { fake, hits, url } = scene;
    const others: Hit[] = [];
    const second = await listen(fake, (hit) => {
      others.push(hit);
      ok(hit);
    });
    fake.http.sendTo([url, second]);
    const id = say(fake);
    fake.repeatEvent(id);
    await settled(fake);
    expect(
      [hits, others].map((each) => each.map((hit) => (JSON.parse(hit.body) as { event_id: string }).event_id)),
    ).toEqual([[id], [id]]);
    fake.http.sendTo(null);
    say(fake);
    await settled(fake);
    expect(hits.length + others.length).toBe(2);
  });

  test("is asked to say a challenge back", async () => {
    await using scene = await start({}, ({ body, response }) => {
      response.writeHead(200).end((JSON.parse(body) as { challenge: string }).challenge);
    });
    expect(await scene.fake.http.challenge()).toMatchObject({ status: 200, verified: true });
    await using wrong = await start({}, ({ response }) => response.writeHead(200).end("challenge"));
    expect(await wrong.fake.http.challenge()).toMatchObject({ status: 200, verified: false });
  });
});

describe("what others send", () => {
  test.each(ALL_FORGERIES.filter((kind) => kind !== "future"))("%s is seen through by Bolt", async (kind) => {
    await using scene = await start({});
    const { fake, hits } = scene;
    await fake.http.forge(kind, { type: "event_callback", event: { type: "message", text: "forged" } });
    expect(hits).toHaveLength(1);
    expect(hits[0]?.lie).toMatch(/^Failed to verify authenticity|Cannot read/);
  });

  test("may be a command that somebody typed, changed by one byte", async () => {
    await using scene = await start({});
    const { fake, hits } = scene;
    const ann = fake.user("ann");
    const hold = fake.holdEvents();
    fake.slash({ channel: fake.dm(ann), user: ann, command: "/parley stop" });
    const [typed] = hold.held;
    hold.release([]);
    expect(typed?.kind).toBe("slash_commands");
    await fake.http.forge("changed_body", typed ?? {});
    expect(hits[0]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(hits[0]?.lie).toContain("signature mismatch");
    expect(new URLSearchParams(hits[0]?.body).get("command")).toBe("/parley");
    expect(fake.deliveries).toEqual([]);
  });

  test("from the future is a true signature, which Bolt takes", async () => {
    await using scene = await start({});
    await scene.fake.http.forge("future", {});
    const seconds = Number(scene.hits[0]?.headers["x-slack-request-timestamp"]);
    expect(seconds * 1000).toBeGreaterThan(Date.now() + 290_000);
    expect(scene.hits[0]?.lie).toBeNull();
  });

  test("may be signed all the same, when a test wants a body that Slack would not send", async () => {
    await using scene = await start({}, ({ response }) => response.writeHead(400).end("no"));
    const answer = await scene.fake.http.post("{", { headers: { "x-more": "1" } });
    expect(answer).toMatchObject({ status: 400, body: "no" });
    expect(scene.hits).toMatchObject([{ body: "{", lie: null, headers: { "x-more": "1" } }]);
  });
});
