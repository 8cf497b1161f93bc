import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";

export interface Load {
  url: string;
  secret: string;
  /** People, one private chat each, in turns; ids from 1. */
  chats: number;
  /** Updates in all, `rate` of them a second. */
  count: number;
  rate: number;
  firstUpdate: number;
}

/** One call. `dueMs`: when it should have begun, since the first; `tookMs`: from then to its answer; status 0 = none. */
export interface Sent {
  dueMs: number;
  tookMs: number;
  status: number;
}

const CONNECTIONS = 100;
const TICK_MS = 4;

/** An open loop: every call begins when it is due, or as soon as a connection is free, and its wait for one counts. */
export async function sendOpenLoop(load: Load): Promise<Sent[]> {
  const { origin, pathname } = new URL(load.url);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const calls: Promise<Sent>[] = [];
  const startedAt = performance.now();
  const send = async (index: number): Promise<Sent> => {
    const dueMs = (index * 1000) / load.rate;
    const status = await post(pool, pathname, load, index).catch(() => 0);
    return { dueMs, tookMs: performance.now() - startedAt - dueMs, status };
  };
  try {
    while (calls.length < load.count) {
      const due = Math.min(load.count, Math.floor(((performance.now() - startedAt) * load.rate) / 1000) + 1);
      while (calls.length < due) calls.push(send(calls.length));
      await sleep(TICK_MS);
    }
    return await Promise.all(calls);
  } finally {
    await pool.close();
  }
}

async function post(pool: Pool, path: string, load: Load, index: number): Promise<number> {
  const answer = await pool.request({
    method: "POST",
    path,
    headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": load.secret },
    body: JSON.stringify(updateOf(load.firstUpdate + index, 1 + (index % load.chats))),
  });
  await answer.body.dump();
  return answer.statusCode;
}

/** A person's message in their private chat, as https://core.telegram.org/bots/api#update has it. */
function updateOf(updateId: number, user: number): object {
  const person = { id: user, first_name: `user${user}` };
  return {
    update_id: updateId,
    message: {
      message_id: updateId,
      date: Math.floor(Date.now() / 1000),
      from: { ...person, is_bot: false },
      chat: { ...person, type: "private" },
      text: `update-${updateId}`,
    },
  };
}
