import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { lastUserText, Stage } from "../support/chaos/stage.ts";
import { until } from "../support/test-gateway.ts";

const ASKED = 50;
const BUDGET = 10;
/** About 4 s of speaking: everybody who may begin has begun when the first is done. */
const SLOW = { words: 40, chunkChars: 4, chunkEveryMs: 60 };
const QUICK = { chunkEveryMs: 1 };
const USAGE = { usage: { input: 60, output: 40 } };

let agents: string;
beforeAll(async () => {
  agents = await mkdtemp(path.join(tmpdir(), "parley-budget-"));
  await writeFile(path.join(agents, "tester.md"), "---\nname: tester\ndefault: true\n---\nAnswer.\n");
  const budgets = `budgets: { gateway: { tokens_per_day: ${BUDGET * 100} }, run: { tokens: 100 } }\n`;
  await writeFile(path.join(agents, "parley.yaml"), budgets);
});
afterAll(() => rm(agents, { recursive: true }));

it("security-22: of 50 at once on two replicas 10 begin, although one of them is killed, and nothing stays held", async () => {
  const stage = await Stage.open({ model: SLOW, env: { TELEGRAM_BOT_TOKEN: "", AGENTS_DIR: agents } });
  stage.model.script(() => USAGE);
  const [first, second] = await stage.startTwo();
  const count = async (what: string) =>
    Number((await stage.rows<{ n: string }>(`select count(*) as n from ${what}`))[0]!.n);
  await Promise.all(
    Array.from({ length: ASKED }, async (_, n) => {
      const { process: gateway } = n % 2 === 0 ? first : second;
      const { body } = await gateway.api("POST", "/v1/sessions", {}, `user ${n}`);
      await gateway.api("POST", `/v1/sessions/${body.session_id}/messages`, { text: `question ${n}.` }, `user ${n}`);
    }),
  );
  await stage.model.until(() => stage.model.requests.length === BUDGET, 20_000);
  const victim = stage.replicaOf(stage.model.requests.at(-1));
  stage.model.script(() => ({ ...USAGE, ...QUICK }));
  await victim.process.kill();
  expect(await count("runs where state = 'running'")).toBe(BUDGET);
  await stage.start(victim.name);

  await until("all to be over", async () => (await count("runs where ended_at is not null")) === ASKED, 30_000);
  const asked = stage.model.requests.map(lastUserText);
  expect(new Set(asked).size).toBe(BUDGET);
  expect(asked.length).toBeGreaterThan(BUDGET);
  expect(await count("runs where state = 'completed'")).toBe(BUDGET);
  expect(await count("runs where error_code = 'over_budget'")).toBe(ASKED - BUDGET);
  expect(await count("runs where state in ('running', 'waiting')")).toBe(0);
  expect(await count("lanes")).toBe(0);
});
