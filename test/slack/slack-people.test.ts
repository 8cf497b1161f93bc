import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { SlackPeople, type SlackUser } from "../../adapters/slack/slack-people.ts";
import { GatewayError } from "../../src/errors.ts";
import { type KeptLog, keepLog } from "../telegram/start-telegram.ts";

const HOME = { teamId: "T1", enterpriseId: "E1" };

let asked: string[];
let answer: (userId: string) => Promise<SlackUser>;
let now: number;
let people: SlackPeople;
let ask: (userId: string) => Promise<SlackUser>;
let log: KeptLog;

beforeEach(() => {
  asked = [];
  now = 1_000_000;
  log = keepLog();
  answer = () => Promise.resolve({ team_id: "T1", profile: { display_name: "Ann" } });
  // Questions of the test before may still be on their way.
  const mine = asked;
  ask = (userId) => {
    mine.push(userId);
    return answer(userId);
  };
  people = new SlackPeople({ ask, home: () => HOME, log, now: () => now });
});

test.each<[string, SlackUser, boolean]>([
  ["a member", { team_id: "T1" }, false],
  [
    "a member of another workspace of the organisation",
    { team_id: "T2", enterprise_user: { enterprise_id: "E1" } },
    false,
  ],
  ["a guest", { team_id: "T1", is_restricted: true }, true],
  ["a guest of one channel", { team_id: "T1", is_ultra_restricted: true }, true],
  ["a stranger", { team_id: "T1", is_stranger: true }, true],
  ["somebody of another organisation", { team_id: "T9", enterprise_user: { enterprise_id: "E9" } }, true],
  ["somebody who is gone", { team_id: "T1", deleted: true }, true],
  ["somebody of whom nothing is said", {}, true],
])("%s", async (_who, user, outsider) => {
  answer = () => Promise.resolve(user);
  expect(await people.look("U1")).toMatchObject({ outsider });
});

test("a person is asked about once, also by many at the same time, until it may have changed", async () => {
  await Promise.all([people.look("U1"), people.look("U1"), people.look("U1")]);
  now += 599_000;
  await people.look("U1");
  expect(asked).toEqual(["U1"]);
  now += 2_000;
  expect(await people.look("U1")).toEqual({ name: "Ann", outsider: false });
  expect(asked.length).toBe(2);
});

test("what was known holds for some hours while Slack cannot be asked; whoever was never known is not known", async () => {
  await people.look("U1");
  answer = () => Promise.reject(new GatewayError("rate_limited", "wait", { retryAfterMs: 1000 }));
  now += 3_600_000;
  expect(await people.look("U1")).toEqual({ name: "Ann", outsider: false });
  await expect(people.look("U2")).rejects.toMatchObject({ code: "unavailable" });
  expect(log.lines.length).toBe(1);
  now += 6 * 3_600_000;
  await expect(people.look("U1")).rejects.toMatchObject({ code: "unavailable" });
});

test("whom Slack does not know is an outsider, and is not asked about with each message", async () => {
  answer = () => Promise.reject(new GatewayError("not_found", "nobody"));
  expect(await people.look("U1")).toEqual({ name: "", outsider: true });
  await people.look("U1");
  expect(asked.length).toBe(1);
});

test("a slow answer is not waited for beyond a second and a half, and helps the next time", async () => {
  answer = () => sleep(1_700).then(() => ({ team_id: "T1", name: "ann" }));
  const startedAt = performance.now();
  await expect(people.look("U1")).rejects.toMatchObject({ code: "unavailable" });
  expect(performance.now() - startedAt).toBeLessThan(1_690);
  await sleep(300);
  expect(await people.look("U1")).toEqual({ name: "ann", outsider: false });
  expect(asked.length).toBe(1);
});

test("about whom Slack refuses to speak nothing is known, as long as it refuses", async () => {
  answer = () => Promise.reject(new GatewayError("forbidden", "missing_scope"));
  expect(await people.look("U1")).toBe(undefined);
  answer = () => Promise.resolve({ team_id: "T1", name: "ann" });
  expect(await people.look("U1")).toEqual({ name: "ann", outsider: false });
});

test("a crowd of new people is asked about at once and then at Slack's pace; nobody waits for more than a minute", async () => {
  const looks = Array.from({ length: 200 }, (_, no) => people.look(`U${no}`).catch(() => null));
  await sleep(50);
  expect(asked.length).toBe(20);
  await Promise.all(looks);
  // 1.5 s later
  expect(asked.length).toBeGreaterThanOrEqual(21);
  expect(asked.length).toBeLessThanOrEqual(24);
  now += 61_000;
  await people.look("U199");
  expect(asked.at(-1)).toBe("U199");
});

test("after a refusal for haste nobody is asked about before its time", async () => {
  answer = () => Promise.reject(new GatewayError("rate_limited", "wait", { retryAfterMs: 30_000 }));
  await expect(people.look("U1")).rejects.toMatchObject({ code: "unavailable" });
  answer = () => Promise.resolve({ team_id: "T1", name: "ann" });
  await expect(people.look("U2")).rejects.toMatchObject({ code: "unavailable" });
  expect(asked).toEqual(["U1"]);
  now += 31_000;
  expect(await people.look("U3")).toEqual({ name: "ann", outsider: false });
});

test("no more than ten thousand people are remembered", async () => {
  people = new SlackPeople({ ask, home: () => HOME, log, now: () => now, askEveryMs: 0 });
  for (let i = 0; i <= 10_000; i++) await people.look(`U${i}`);
  await people.look("U10000");
  expect(asked.length).toBe(10_001);
  await people.look("U0");
  expect(asked.length).toBe(10_002);
});
