import { Chats } from "../chats.ts";
import { epochNow } from "../../test/fakes/model/journal.ts";
import { openTelegram } from "../conditions.ts";
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
    for (let round = 1; round <= lab.options.rounds; round++) {
      const questions = lab.options.quick ? 80 : 240;
      const one = await work(lab, findings, 1, questions);
      const two = await work(lab, findings, 2, questions);
      findings.add("ours", { replicas: one / two });
      findings.note(["replicas"], `${questions} answers took ${Math.round(one)} and ${Math.round(two)} ms`);
    }
  },
};

/** How long so many replicas take for all the questions, asked at once, in ms. */
async function work(lab: Lab, findings: Findings, count: number, questions: number): Promise<number> {
  const databaseUrl = await lab.newDatabase();
  await using telegram = await openTelegram();
  const all: Subject[] = [];
  try {
    for (let replica = 0; replica < count; replica++) {
      all.push(await Subject.ours(lab, { telegram, databaseUrl, slots: SLOTS }));
    }
    await lab.model.forget();
    await lab.model.pace(ANSWER);
    const chats = new Chats(telegram, questions);
    const saidAt = epochNow();
    const asked = await chats.askAll(questions, { label: `of${count}`, everyMs: 0, chars: ANSWER.chars });
    await chats.answered(asked, 120_000);
    findings.count(["replicas"], chats.judge());
    return Math.max(...chats.courses(asked, []).map(({ finalAt }) => finalAt)) - saidAt;
  } finally {
    for (const replica of all) await replica.dispose();
    await lab.dropDatabase(databaseUrl);
  }
}
