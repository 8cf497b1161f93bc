import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { openTelegram, QUIET } from "../conditions.ts";
import type { Lab } from "../lab.ts";
import type { Scenario } from "../scenario.ts";
import { median, percentile } from "../statistics.ts";
import { Subject } from "../subject.ts";
import { type Sent, sendOpenLoop } from "../webhook-load.ts";

const SECRET = "bench-9f3kQx7LmT2vRz8WqPbN";
/** A little above what is to be reached. */
const RATE = 1_600;
const QUIET_RATE = 20;
/** Of an offered rate that the sender itself could not keep. */
const SENDER_SLACK = 0.99;

/**
 * Webhook calls at a rate that does not care how the gateway fares. At the high rate it takes in only, as a replica
 * whose slots are all taken; at the low one it answers everything as well.
 */
export const accept: Scenario = {
  name: "accept",
  rows: ["accept-rate", "accept-ack", "accept-quiet"],
  async run(lab, findings) {
    const seconds = lab.options.quick ? 3 : 10;
    const chats = lab.options.quick ? 200 : 1_000;
    const loaded = await offer(lab, { slots: 0, rate: RATE, seconds, chats });
    const acked = loaded.sent.filter(({ status }) => status === 200);
    const lastMs = Math.max(...acked.map(({ dueMs, tookMs }) => dueMs + tookMs));
    findings.add("ours", {
      "accept-rate": loaded.stored / Math.max(seconds, lastMs / 1000),
      "accept-ack": percentile(
        loaded.sent.map(({ tookMs }) => tookMs),
        99,
      ),
    });
    const counts = { asked: loaded.sent.length, lost: Math.max(0, acked.length - loaded.stored), doubled: 0, wrong: 0 };
    findings.count(["accept-rate", "accept-ack"], { ...counts, wrong: loaded.sent.length - acked.length });
    findings.note(["accept-rate"], `${chats} chats, 100 connections, no runs; lost = acknowledged and not stored`);
    if (acked.length < loaded.sent.length * SENDER_SLACK) findings.note(["accept-rate"], "not all were acknowledged");

    const calm = await offer(lab, { rate: QUIET_RATE, seconds, chats });
    findings.add("ours", {
      "accept-quiet": percentile(
        calm.sent.map(({ tookMs }) => tookMs),
        99,
      ),
    });
    const middle = median(calm.sent.map(({ tookMs }) => tookMs));
    findings.note(["accept-quiet"], `every message is answered meanwhile; p50 ${middle.toFixed(1)} ms`);
  },
};

async function offer(
  lab: Lab,
  load: { slots?: number; rate: number; seconds: number; chats: number },
): Promise<{ sent: Sent[]; stored: number }> {
  const databaseUrl = await lab.newDatabase();
  await using telegram = await openTelegram();
  await lab.model.pace(QUIET);
  const subject = await Subject.ours(lab, {
    telegram,
    databaseUrl,
    ...(load.slots === undefined ? {} : { slots: load.slots }),
    env: { TELEGRAM_MODE: "webhook", PUBLIC_URL: "http://127.0.0.1:1", TELEGRAM_WEBHOOK_SECRET: SECRET },
  });
  try {
    for (let id = 0; id < load.chats; id++) telegram.privateChat(telegram.user(1 + id));
    const at = { url: `${subject.url}/telegram/webhook`, secret: SECRET };
    // Makes the chats known, and warms up.
    await sendOpenLoop({ ...at, chats: load.chats, count: load.chats, rate: 250, firstUpdate: 1 });
    await sleep(2_000);
    const before = await countInbox(databaseUrl);
    const count = load.rate * load.seconds;
    const sent = await sendOpenLoop({ ...at, chats: load.chats, count, rate: load.rate, firstUpdate: 1_000_000 });
    return { sent, stored: (await countInbox(databaseUrl)) - before };
  } finally {
    await subject.dispose();
    await lab.dropDatabase(databaseUrl);
  }
}

async function countInbox(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>("select count(*)::int as count from inbox");
    return rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
