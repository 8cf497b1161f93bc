import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Api } from "grammy";
import { afterEach, describe, expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { startFakeTelegram, type FakeTelegram } from "./telegram/fake-telegram.ts";

const QUICK = { timeScale: 0.01 };

interface Hit {
  text: string;
  body: string;
  secret: string | undefined;
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

/** A webhook that hands every request to `answer`. @returns its URL */
async function listen(answer: (hit: Hit) => void, port = 0): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks).toString();
      const secret = request.headers["x-telegram-bot-api-secret-token"] as string | undefined;
      answer({ text: /"text":"([^"]*)"/.exec(body)?.[1] ?? "", body, secret, response });
    })();
  });
  servers.push(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

function ok({ response }: Hit): void {
  response.writeHead(200).end();
}

function client(fake: FakeTelegram): Api {
  return new Api(fake.token, { apiRoot: fake.url });
}

function say(fake: FakeTelegram, user: number, text: string): number {
  const from = fake.user(user);
  return fake.say({ chat: fake.privateChat(from), from, text }).updateId;
}

describe("a webhook", () => {
  test("gets every update with the secret, and forbids polling", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const hits: Hit[] = [];
    const url = await listen((hit) => {
      hits.push(hit);
      ok(hit);
    });
    const api = client(fake);
    say(fake, 1, "before");
    await api.setWebhook(url, { secret_token: "s3cret_-A", max_connections: 7 });
    const id = say(fake, 1, "after");

    await fake.until(() => fake.pendingUpdates() === 0);
    expect(hits.map((hit) => [hit.text, hit.secret])).toEqual([
      ["before", "s3cret_-A"],
      ["after", "s3cret_-A"],
    ]);
    expect(JSON.parse(hits[1]?.body ?? "")).toMatchObject({ update_id: id, message: { text: "after" } });
    expect(await api.getWebhookInfo()).toMatchObject({ url, pending_update_count: 0, max_connections: 7 });
    await expect(api.getUpdates()).rejects.toMatchObject({
      error_code: 409,
      description:
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    });
  });

  test("ends a poll that waits", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const ended = client(fake)
      .getUpdates({ timeout: 50 })
      .catch((error: unknown) => error);
    await fake.until(() => fake.polling());
    await client(fake).setWebhook(await listen(ok));
    expect(await ended).toMatchObject({
      error_code: 409,
      description: "Conflict: terminated by setWebhook request",
    });
  });

  test("gets the updates of one chat one after the other, those of others meanwhile", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const held: Hit[] = [];
    const seen: string[] = [];
    const url = await listen((hit) => {
      seen.push(hit.text);
      if (hit.text === "a1") {
        held.push(hit);
      } else {
        ok(hit);
      }
    });
    await client(fake).setWebhook(url);
    say(fake, 1, "a1");
    say(fake, 1, "a2");
    say(fake, 2, "b1");
    say(fake, 2, "b2");
    await fake.until(() => fake.deliveries.length === 2);
    expect(seen.toSorted()).toEqual(["a1", "b1", "b2"]);
    held.forEach(ok);
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(seen.at(-1)).toBe("a2");
  });

  test("is never called more often at once than max_connections", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const open: Hit[] = [];
    let most = 0;
    const url = await listen((hit) => {
      most = Math.max(most, open.push(hit));
      if (open.length === 2) {
        // A third would have been sent together with these two.
        setTimeout(() => open.splice(0).forEach(ok), 5);
      }
    });
    await client(fake).setWebhook(url, { max_connections: 2 });
    for (let user = 1; user <= 20; user++) {
      say(fake, user, "hi");
    }
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(most).toBe(2);
  });

  test("gets a refused update again at once, then after growing waits, and the reason is kept", async () => {
    await using fake = await startFakeTelegram({ timeScale: 0.001 });
    let left = 4;
    const url = await listen((hit) => {
      hit.response.writeHead(left-- > 0 ? 500 : 200).end();
    });
    await client(fake).setWebhook(url);
    say(fake, 1, "again");
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(fake.deliveries.map(({ attempt, status }) => [attempt, status])).toEqual([
      [1, 500],
      [2, 500],
      [3, 500],
      [4, 500],
      [5, 200],
    ]);
    expect((await client(fake).getWebhookInfo()).last_error_message).toBe(
      "Wrong response from the webhook: 500 Internal Server Error",
    );
  });

  test("may ask for time with Retry-After", async () => {
    await using fake = await startFakeTelegram({ timeScale: 0.001 });
    let first = 0;
    let waited = 0;
    const url = await listen((hit) => {
      if (first === 0) {
        first = performance.now();
        hit.response.writeHead(503, { "retry-after": "100" }).end();
      } else {
        waited = performance.now() - first;
        ok(hit);
      }
    });
    await client(fake).setWebhook(url);
    say(fake, 1, "later");
    await fake.until(() => fake.pendingUpdates() === 0);
    // 100 s at a thousandth; a timer may round down by a millisecond.
    expect(waited).toBeGreaterThanOrEqual(99);
  });

  test("that cuts the connection or is away gets the update later", async () => {
    await using fake = await startFakeTelegram({ timeScale: 0.001 });
    let cuts = 2;
    const url = await listen(
      (hit) => {
        if (cuts-- > 0) {
          hit.response.destroy();
        } else {
          ok(hit);
        }
      },
      await freePort(),
    );
    await client(fake).setWebhook(url);
    say(fake, 1, "cut");
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(fake.deliveries.map((delivery) => delivery.status)).toEqual([0, 0, 200]);

    const [server] = servers.splice(0);
    server?.closeAllConnections();
    server?.close();
    say(fake, 1, "away");
    await fake.until(() => fake.deliveries.length >= 6);
    await listen(ok, Number(new URL(url).port));
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(fake.deliveries.at(-1)).toMatchObject({ status: 200 });
  });

  test("gives up on an update only when its day is over", async () => {
    let at = Date.UTC(2026, 0, 1);
    await using fake = await startFakeTelegram({ timeScale: 0.001, now: () => at });
    const url = await listen((hit) => {
      at += 12 * 3600 * 1000;
      hit.response.writeHead(500).end();
    });
    await client(fake).setWebhook(url);
    say(fake, 1, "hopeless");
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(fake.deliveries.map((delivery) => delivery.status)).toEqual([500, 500]);
  });

  test("leaves what it has not taken to polling when it is removed", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const url = await listen(() => {});
    await client(fake).setWebhook(url);
    say(fake, 1, "unanswered");
    say(fake, 1, "waiting");
    await client(fake).deleteWebhook();
    const updates = await client(fake).getUpdates();
    expect(updates.map((update) => update.message?.text)).toEqual(["unanswered", "waiting"]);
  });

  test("can be set once a second only, and twice the same is no change", async () => {
    // A second is ten here, so that a busy machine calls in time.
    await using fake = await startFakeTelegram({ timeScale: 10 });
    const url = await listen(ok);
    await client(fake).setWebhook(url);
    await expect(client(fake).setWebhook(url)).rejects.toMatchObject({
      error_code: 429,
      parameters: { retry_after: 1 },
    });
    await using quick = await startFakeTelegram({ timeScale: 0 });
    await client(quick).setWebhook(url, { drop_pending_updates: true });
    expect(await client(quick).setWebhook(url)).toBe(true);
  });

  test("gets an update again when its acknowledgement got lost", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const bodies: string[] = [];
    const url = await listen((hit) => {
      bodies.push(hit.body);
      ok(hit);
    });
    await client(fake).setWebhook(url);
    fake.repeat(say(fake, 1, "twice"));
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(bodies).toHaveLength(2);
    expect(bodies[0]).toBe(bodies[1]);
    expect(() => fake.repeat(1)).toThrow("too long ago");
  });

  test("gets a malformed body as it is, and one by itself", async () => {
    await using fake = await startFakeTelegram(QUICK);
    const bodies: string[] = [];
    const url = await listen((hit) => {
      bodies.push(`${hit.secret}: ${hit.body}`);
      ok(hit);
    });
    await client(fake).setWebhook(url, { secret_token: "right" });
    fake.sendRaw("{not json");
    await fake.until(() => fake.pendingUpdates() === 0);
    expect(await fake.postToWebhook("[]", { "x-telegram-bot-api-secret-token": "wrong" })).toMatchObject({
      status: 200,
    });
    expect(bodies).toEqual(["right: {not json", "wrong: []"]);
  });
});
