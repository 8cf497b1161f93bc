import { once } from "node:events";
import { LogLevel, SocketModeClient, type Logger } from "@slack/socket-mode";
import { WebClient } from "@slack/web-api";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket as PlainWebSocket } from "ws";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";

interface Heard {
  client: number;
  type: string;
  body: { event_id: string; event: { type: string; ts: string; channel_type?: string } } & Record<string, unknown>;
  retry: number | undefined;
  reason: string | undefined;
  ack: (response?: Record<string, unknown>) => Promise<void>;
}

const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  setLevel: () => {},
  getLevel: () => LogLevel.ERROR,
  setName: () => {},
};

const PATIENCE = { timeout: 10_000 };
const open: { fake: FakeSlack; clients: SocketModeClient[] }[] = [];

afterEach(async () => {
  for (const { fake, clients } of open.splice(0)) {
    await Promise.all(clients.map((client) => client.disconnect()));
    await fake.close();
  }
});

/** A fake and clients that write down what they hear; they acknowledge unless `answer` does something else. */
async function start(
  options: FakeSlackOptions & { clients?: number; reconnect?: boolean; answer?: (heard: Heard) => void } = {},
): Promise<{ fake: FakeSlack; heard: Heard[]; clients: SocketModeClient[]; connected: () => number }> {
  const { clients: count = 1, reconnect = false, answer = (each) => void each.ack(), ...rest } = options;
  const fake = await startFakeSlack({ ackWithinMs: 10_000, ...rest });
  const heard: Heard[] = [];
  const clients: SocketModeClient[] = [];
  let connected = 0;
  open.push({ fake, clients });
  for (let number = 1; number <= count; number++) {
    const client = new SocketModeClient({
      appToken: fake.app.appToken,
      autoReconnectEnabled: reconnect,
      // Also how long it waits before it connects again; a shorter one would not survive a busy machine.
      clientPingTimeout: reconnect ? 1000 : 15_000,
      logger: SILENT,
      clientOptions: { slackApiUrl: fake.apiUrl, retryConfig: { retries: 0 } },
    });
    client.on("slack_event", (event: Omit<Heard, "client" | "retry" | "reason"> & Record<string, unknown>) => {
      const each = {
        client: number,
        type: event.type,
        body: event.body,
        retry: event["retry_num"] as number | undefined,
        reason: event["retry_reason"] as string | undefined,
        ack: event.ack,
      };
      heard.push(each);
      answer(each);
    });
    client.on("connected", () => connected++);
    clients.push(client);
    await client.start();
  }
  return { fake, heard, clients, connected: () => connected };
}

function web(fake: FakeSlack, token = fake.app.botToken): WebClient {
  return new WebClient(token, { slackApiUrl: fake.apiUrl, retryConfig: { retries: 0 } });
}

/** Acknowledges over this very connection, whatever came over it. */
function sendOver(client: SocketModeClient | undefined, envelopeId: string): void {
  const { websocket } = client as unknown as { websocket: { send(text: string, done: () => void): void } };
  websocket.send(JSON.stringify({ envelope_id: envelopeId }), () => {});
}

function settled(fake: FakeSlack): Promise<boolean> {
  return fake.until(() => fake.pendingEvents === 0, PATIENCE.timeout);
}

describe("Slack's own Socket Mode client", () => {
  test("is greeted, hears what people say, and acknowledges it", async () => {
    const { fake, heard } = await start();
    expect(fake.connections).toHaveLength(1);
    const ann = fake.user("ann");
    const dm = fake.dm(ann);
    const { ts, eventIds } = fake.say({ channel: dm, user: ann, text: "hi" });
    await settled(fake);
    expect(heard).toMatchObject([
      {
        type: "events_api",
        retry: 0,
        body: {
          event_id: eventIds[0],
          team_id: fake.team.id,
          api_app_id: fake.app.appId,
          authorizations: [{ team_id: fake.team.id, user_id: fake.bot.id, is_bot: true }],
          event: { type: "message", channel: dm.id, channel_type: "im", user: ann.id, text: "hi", ts, event_ts: ts },
        },
      },
    ]);
    expect(fake.deliveries).toMatchObject([{ id: eventIds[0], attempt: 0, to: 1, outcome: "acknowledged" }]);
    expect(fake.lostEvents).toEqual([]);
  });

  test("hears its own posts and edits too", async () => {
    const { fake, heard } = await start();
    const { chat } = web(fake);
    const channel = fake.channelNamed("general");
    const { ts = "" } = await chat.postMessage({ channel: channel.id, text: "a" });
    await chat.update({ channel: channel.id, ts, text: "b" });
    await settled(fake);
    const { bot } = fake;
    expect(heard.map((each) => each.body.event)).toMatchObject([
      { type: "message", user: bot.id, bot_id: bot.botId, app_id: bot.appId, text: "a", ts },
      {
        subtype: "message_changed",
        hidden: true,
        message: { bot_id: bot.botId, text: "b", ts },
        previous_message: { bot_id: bot.botId, text: "a" },
      },
    ]);
  });

  test("is told again what it did not acknowledge, with the same event in a new envelope", async () => {
    const { fake, heard } = await start({
      ackWithinMs: 30,
      answer: (each) => {
        if (each.retry !== 0) {
          void each.ack();
        }
      },
    });
    const ann = fake.user("ann");
    const { eventIds } = fake.say({ channel: fake.dm(ann), user: ann, text: "hi" });
    await settled(fake);
    expect(heard.slice(0, 2).map((each) => [each.body.event_id, each.retry, each.reason])).toEqual([
      [eventIds[0], 0, ""],
      [eventIds[0], 1, "timeout"],
    ]);
    const envelopes = fake.deliveries.map((each) => each.envelopeId);
    expect(new Set(envelopes).size).toBe(envelopes.length);
    expect(fake.lostEvents).toEqual([]);
  });

  test("loses what it never acknowledges; commands and presses are told once only", async () => {
    const { fake, heard } = await start({ ackWithinMs: 20, retryWaitsMs: [0, 0, 0], answer: () => {} });
    const ann = fake.user("ann");
    const dm = fake.dm(ann);
    fake.say({ channel: dm, user: ann, text: "hi" });
    fake.slash({ channel: dm, user: ann, command: "/parley new" });
    await settled(fake);
    await expect.poll(() => heard.length, PATIENCE).toBe(5);
    expect(heard.filter((each) => each.type === "events_api").map((each) => each.retry)).toEqual([0, 1, 2, 3]);
    expect(heard.filter((each) => each.type === "slash_commands")).toHaveLength(1);
    expect(fake.lostEvents.map((each) => each.type).toSorted()).toEqual(["/parley", "message"]);
  });

  test("hears each event on one of its connections only", async () => {
    const { fake, heard } = await start({ clients: 2 });
    const ann = fake.user("ann");
    for (const text of ["a", "b", "c", "d"]) {
      fake.say({ channel: fake.dm(ann), user: ann, text });
    }
    await settled(fake);
    expect(heard).toHaveLength(4);
    expect(new Set(heard.map((each) => each.client))).toEqual(new Set([1, 2]));
  });
});

describe("a Socket Mode connection", () => {
  test("that Slack refreshes is followed by another, and nothing is lost", async () => {
    const { fake, heard, connected } = await start({ reconnect: true, refreshGraceMs: 20 });
    fake.sockets.refresh("refresh_requested");
    const ann = fake.user("ann");
    const { eventIds } = fake.say({ channel: fake.dm(ann), user: ann, text: "in between" });
    await settled(fake);
    expect(heard.map((each) => each.body.event_id)).toEqual(eventIds);
    expect(fake.deliveries.map(({ to }) => to)).not.toContain(1);
    expect(fake.deliveries[0]).toMatchObject({ to: null, outcome: "failed", reason: "connection_failed" });
    expect(fake.sockets.all[0]?.open).toBe(false);
    await expect.poll(connected, PATIENCE).toBeGreaterThan(1);
  });

  test("that Slack only warns is left by the client itself", async () => {
    const { fake, connected } = await start({ reconnect: true });
    const [first] = fake.connections;
    fake.sockets.refresh("warning");
    await expect.poll(connected, PATIENCE).toBeGreaterThan(1);
    expect(first?.open).toBe(false);
    expect(fake.calls("apps.connections.open").length).toBeGreaterThan(1);
  });

  test("that is cut in mid-delivery: the event comes again on another one", async () => {
    const { fake, heard } = await start({
      clients: 2,
      answer: (each) => {
        if (each.retry === 0) {
          fake.sockets.drop(each.client);
        } else {
          void each.ack();
        }
      },
    });
    const ann = fake.user("ann");
    const { eventIds } = fake.say({ channel: fake.dm(ann), user: ann, text: "hi" });
    await settled(fake);
    expect(heard.map((each) => each.body.event_id)).toEqual([eventIds[0], eventIds[0]]);
    expect(new Set(heard.map((each) => each.client))).toEqual(new Set([1, 2]));
    expect(heard[1]).toMatchObject({ retry: 1, reason: "connection_failed" });
    expect(fake.connections).toHaveLength(1);
  });

  test("that is a ghost swallows events and pings until the client gives it up", async () => {
    const { fake, heard, connected } = await start({ reconnect: true, ackWithinMs: 30 });
    const [ghost] = fake.connections;
    fake.sockets.ghost();
    const ann = fake.user("ann");
    const { eventIds } = fake.say({ channel: fake.dm(ann), user: ann, text: "anybody?" });
    await expect.poll(connected, PATIENCE).toBeGreaterThan(1);
    await settled(fake);
    // Over the ghost it came to nobody; over the new one perhaps twice, if that was slow to acknowledge.
    expect(new Set(heard.map((each) => each.body.event_id))).toEqual(new Set(eventIds));
    expect(fake.deliveries[0]).toMatchObject({ to: ghost?.number, outcome: "failed", reason: "timeout" });
    expect(ghost).toMatchObject({ ghost: true, open: true, acks: 0 });
    expect(heard[0]?.retry).toBeGreaterThan(0);
  });

  test("is one of ten at most", async () => {
    const { fake, clients } = await start({ clients: 10 });
    expect(fake.connections).toHaveLength(10);
    const { url = "" } = await web(fake, fake.app.appToken).apps.connections.open();
    const frames: string[] = [];
    const socket = new WebSocket(url);
    socket.addEventListener("message", ({ data }) => frames.push(String(data)));
    await new Promise((resolve) => socket.addEventListener("close", resolve));
    expect(frames.map((frame) => JSON.parse(frame) as unknown)).toMatchObject([
      { type: "disconnect", reason: "too_many_websockets" },
    ]);
    expect(fake.connections).toHaveLength(10);
    await clients[0]?.disconnect();
    await fake.until(() => fake.connections.length === 9);
  });

  test("needs a fresh link each, and the app's token for it", async () => {
    const { fake } = await start();
    const { url = "" } = await web(fake, fake.app.appToken).apps.connections.open();
    const first = new WebSocket(url);
    await new Promise((resolve) => first.addEventListener("open", resolve));
    const second = new WebSocket(url);
    expect(await new Promise((resolve) => second.addEventListener("error", () => resolve("refused")))).toBe("refused");
    first.close();
    await expect(web(fake).apps.connections.open()).rejects.toMatchObject({
      data: { error: "not_allowed_token_type" },
    });
    await fake.until(() => fake.connections.length === 1);
  });

  test("takes an acknowledgement of its own envelopes only, once each", async () => {
    const { fake, clients, heard } = await start({ clients: 2, answer: () => {} });
    const ann = fake.user("ann");
    fake.say({ channel: fake.dm(ann), user: ann, text: "hi" });
    await expect.poll(() => heard.length, PATIENCE).toBe(1);
    const [mine, other] = heard[0]?.client === 1 ? clients : clients.toReversed();
    const envelope = fake.deliveries[0]?.envelopeId ?? "";
    sendOver(other, envelope);
    await fake.until(() => fake.sockets.strayAcks.length === 1);
    expect(fake.pendingEvents).toBe(1);
    sendOver(mine, envelope);
    await settled(fake);
    sendOver(mine, envelope);
    await fake.until(() => fake.sockets.strayAcks.length === 2);
  });

  test("brings held events in any order, and repeats one when told to", async () => {
    const { fake, heard } = await start();
    const ann = fake.user("ann");
    const hold = fake.holdEvents();
    const ids = ["a", "b", "c"].map((text) => fake.say({ channel: fake.dm(ann), user: ann, text }).eventIds[0] ?? "");
    expect(hold.held.map(({ id }) => id)).toEqual(ids);
    expect(heard).toEqual([]);
    hold.release("reversed");
    await settled(fake);
    fake.repeatEvent(ids[1] ?? "");
    await settled(fake);
    expect(heard.map((each) => each.body.event_id)).toEqual([ids[2], ids[1], ids[0], ids[1]]);
    fake.delayEvents(20);
    const late = fake.say({ channel: fake.dm(ann), user: ann, text: "late" }).eventIds[0];
    expect(fake.deliveries.some(({ id }) => id === late)).toBe(false);
    await settled(fake);
    expect(heard.at(-1)?.body.event_id).toBe(late);
  });

  test("is pinged, and answers pings", async () => {
    const { fake } = await start({ clients: 0, pingEveryMs: 5 });
    const { url = "" } = await web(fake, fake.app.appToken).apps.connections.open();
    const socket = new PlainWebSocket(url);
    const pings = once(socket, "ping");
    const hello = once(socket, "message");
    await once(socket, "open");
    await Promise.all([hello, pings]);
    const pong = once(socket, "pong");
    socket.ping("x");
    expect(String((await pong)[0])).toBe("x");
    expect(fake.connections).toMatchObject([{ number: 1, pings: 1, acks: 0 }]);
    socket.terminate();
    await fake.until(() => fake.connections.length === 0);
  });

  test("carries a command's answer in its acknowledgement, for the person alone", async () => {
    const { fake } = await start({ answer: (each) => void each.ack({ text: "stopped" }) });
    const ann = fake.user("ann");
    const channel = fake.channelNamed("general", { members: [ann] });
    fake.slash({ channel, user: ann, command: "/parley stop" });
    await settled(fake);
    expect(fake.transcript(channel)).toEqual(["bot (only ann): stopped"]);
  });
});
