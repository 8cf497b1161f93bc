import { setTimeout as sleep } from "node:timers/promises";
import { Chats } from "../chats.ts";
import { openTelegram, QUIET } from "../conditions.ts";
import type { Lab } from "../lab.ts";
import type { Findings } from "../report.ts";
import type { Scenario } from "../scenario.ts";
import { Subject } from "../subject.ts";

const SLOTS = 20;
/** 1 s of speaking. */
const ANSWER = { chars: 400, chunkChars: 10, ttftMs: 25, chunkEveryMs: 25 };

/** The same work for one replica and for two, where the slots are what is short. */
export const replicas: Scenario = {
  name: "replicas",
  rows: ["replicas"],
  async run(lab, findings) {
    for (let round = 1; round <= Math.ceil(lab.options.rounds / 3); round++) {
      const questions = lab.options.quick ? 80 : 240;
      const one = await work(lab, findings, 1, questions);
      const two = await work(lab, findings, 2, questions);
      findings.add("ours", { replicas: two / one });
      findings.note(["replicas"], `${one.toFixed(1)} and ${two.toFixed(1)} runs a second`);
    }
  },
};

/** How many runs a second so many replicas begin once all their slots are taken. */
async function work(lab: Lab, findings: Findings, count: number, questions: number): Promise<number> {
  const databaseUrl = await lab.newDatabase();
  await using telegram = await openTelegram();
  const all: Subject[] = [];
  try {
    for (let replica = 0; replica < count; replica++) {
      all.push(await Subject.ours(lab, { telegram, databaseUrl, slots: SLOTS }));
    }
    const chats = new Chats(telegram, questions);
    await lab.model.pace(QUIET);
    const warm = await chats.askAll(questions, { label: `warm${count}`, everyMs: 10, chars: QUIET.chars });
    await chats.answered(warm, 60_000);
    await sleep(3_000); // every chat's budget is full again
    await lab.model.forget();
    await lab.model.pace(ANSWER);
    const asked = await chats.askAll(questions, { label: `of${count}`, everyMs: 0, chars: ANSWER.chars });
    await chats.answered(asked, 120_000);
    findings.count(["replicas"], chats.judge());
    const begun = (await lab.model.journal()).map(({ at }) => at).toSorted((a, b) => a - b);
    // Once all slots are taken, each later one has to wait for one.
    const slots = count * SLOTS;
    return ((questions - slots) * 1000) / (begun.at(-1)! - begun[slots - 1]!);
  } finally {
    for (const replica of all) await replica.dispose();
    await lab.dropDatabase(databaseUrl);
  }
}
