import { LogLevel, SocketModeClient } from "@slack/socket-mode";
import { WebClient } from "@slack/web-api";
import { afterEach, describe, expect, test } from "vitest";
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from "./slack/fake-slack.ts";

interface Heard {
  client: number;
  type: string;
  body: { event_id: string; event: { type: string; ts: string; channel_type?: string } } & Record<string, unknown>;
  retry: number | undefined;
  reason: string | undefined;
  ack: (response?: Record<string, unknown>) => Promise<void>;
}

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
): Promise<{ fake: FakeSlack; heard: Heard[]; clients: SocketModeClient[] }> {
  const { clients: count = 1, reconnect = false, answer = (each) => void each.ack(), ...rest } = options;
  const fake = await startFakeSlack({ ackWithinMs: 10_000, ...rest });
  const heard: Heard[] = [];
  const clients: SocketModeClient[] = [];
  open.push({ fake, clients });
  for (let number = 1; number <= count; number++) {
    const client = new SocketModeClient({
      appToken: fake.app.appToken,
      autoReconnectEnabled: reconnect,
      clientPingTimeout: 50,
      logLevel: LogLevel.ERROR,
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
    clients.push(client);
    await client.start();
  }
  return { fake, heard, clients };
}

function settled(fake: FakeSlack): Promise<boolean> {
  return fake.until(() => fake.pendingEvents === 0);
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
    const web = new WebClient(fake.app.botToken, { slackApiUrl: fake.apiUrl });
    const channel = fake.channelNamed("general");
    const { ts = "" } = await web.chat.postMessage({ channel: channel.id, text: "a" });
    await web.chat.update({ channel: channel.id, ts, text: "b" });
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
    await expect.poll(() => heard.length, { timeout: 5000 }).toBe(5);
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
