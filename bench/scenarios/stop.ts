import { setTimeout as sleep } from "node:timers/promises";
import { epochNow } from "../../test/fakes/model/journal.ts";
import { runStatement } from "../../test/support/postgres.ts";
import type { RowName } from "../goals.ts";
import type { Lab } from "../lab.ts";
import type { Scenario } from "../scenario.ts";
import { Subject } from "../subject.ts";

/** Longer than any stop takes. */
const SPEECH = { chars: 4000, chunkChars: 10, ttftMs: 20, chunkEveryMs: 20 };
const WITHIN_MS = 5_000;

type How = Extract<RowName, `stop-${string}`>;

/** From the call that stops a run, wherever it is made, to the model seeing its connection closed. */
export const stop: Scenario = {
  name: "stop",
  rows: ["stop-same", "stop-hint", "stop-poll"],
  async run(lab, findings) {
    const databaseUrl = await lab.newDatabase();
    const here = await Subject.ours(lab, { databaseUrl, env: { OPENAI_MODEL: "here" } });
    const there = await Subject.ours(lab, { databaseUrl, env: { OPENAI_MODEL: "there" } });
    try {
      await lab.model.forget();
      await lab.model.pace(SPEECH);
      const times = lab.options.quick ? 3 : 10;
      const slowest = { "stop-same": 0, "stop-hint": 0, "stop-poll": 0 };
      for (let turn = 0; turn < times; turn++) {
        for (const how of ["stop-same", "stop-hint", "stop-poll"] as const) {
          const question = `${how}-${turn}`;
          const session = (await here.api("POST", "/v1/sessions"))["session_id"] as string;
          await here.api("POST", `/v1/sessions/${session}/messages`, { text: question });
          await lab.model.speaking(question);
          await sleep(100 + Math.random() * 500); // anywhere between two looks of the replica
          const saidAt = epochNow();
          await end(lab, how, { session, question, databaseUrl, here, there });
          slowest[how] = Math.max(slowest[how], (await closedAt(lab, question)) - saidAt);
        }
      }
      findings.add("ours", slowest);
      findings.note(["stop-poll"], "written into the database behind the gateway's back");
      findings.note(["stop-same", "stop-hint", "stop-poll"], `the slowest of ${times}`);
    } finally {
      await here.dispose();
      await there.dispose();
      await lab.dropDatabase(databaseUrl);
    }
  },
};

async function end(
  lab: Lab,
  how: How,
  at: { session: string; question: string; databaseUrl: string; here: Subject; there: Subject },
): Promise<void> {
  if (how === "stop-poll") {
    return runStatement(
      at.databaseUrl,
      `update talk_sessions set stop_through = arrival_no where id = '${at.session}'`,
    );
  }
  const runner = (await lab.model.journal()).find(({ question }) => question === at.question)?.model;
  const [same, other] = runner === "here" ? [at.here, at.there] : [at.there, at.here];
  await (how === "stop-same" ? same : other).api("POST", `/v1/sessions/${at.session}/stop`);
}

async function closedAt(lab: Lab, question: string): Promise<number> {
  for (const until = performance.now() + WITHIN_MS; performance.now() < until; await sleep(10)) {
    const request = (await lab.model.journal()).find((entry) => entry.question === question);
    if (request?.closedBy === "client" && request.closedAt !== null) return request.closedAt;
  }
  throw new Error(`the answer to ${question} was not stopped`);
}
