import { setTimeout as sleep } from "node:timers/promises";
import { Chats } from "../chats.ts";
import { epochNow } from "../../test/fakes/model/journal.ts";
import { openTelegram } from "../conditions.ts";
import type { Lab } from "../lab.ts";
import type { Findings } from "../report.ts";
import type { Scenario } from "../scenario.ts";
import { Subject, type SubjectOptions } from "../subject.ts";

/** About 3 s of speaking: the kill comes in its middle. */
const SLOW = { chars: 300, chunkChars: 4, ttftMs: 50, chunkEveryMs: 40 };
/** The second attempt speaks for 1 s: what counts is the take-over, not the length of the answer. */
const QUICK = { ...SLOW, chunkEveryMs: 12 };
const KILL_AFTER_MS = 1_800;
const WITHIN_MS = 20_000;

/** kill -9 in mid-answer, until the same message shows the whole of it. */
export const takeover: Scenario = {
  name: "takeover",
  rows: ["takeover-other", "takeover-postgres", "takeover-embedded"],
  async run(lab, findings) {
    for (let round = 1; round <= lab.options.rounds; round++) {
      const databaseUrl = await lab.newDatabase();
      await byTheOther(lab, findings, databaseUrl, round);
      await lab.dropDatabase(databaseUrl);
      const another = await lab.newDatabase();
      await byItsSuccessor(lab, findings, "takeover-postgres", { databaseUrl: another }, round);
      await lab.dropDatabase(another);
      await byItsSuccessor(lab, findings, "takeover-embedded", {}, round);
    }
    findings.note(["takeover-postgres", "takeover-embedded"], "from the spawn; 1 s of it is the answer itself");
    findings.note(["takeover-other"], "the lease of 6 s has to run out; 1 s of it is the answer itself");
  },
};

async function byTheOther(lab: Lab, findings: Findings, databaseUrl: string, round: number): Promise<void> {
  await using telegram = await openTelegram();
  const replicas = new Map<string, Subject>();
  for (const name of ["a", "b"]) {
    replicas.set(name, await Subject.ours(lab, { telegram, databaseUrl, env: { OPENAI_MODEL: name } }));
  }
  try {
    const chats = new Chats(telegram, 1);
    const asked = await askSlowly(lab, chats, `other${round}`);
    const runner = (await lab.model.journal()).at(-1)?.model ?? "";
    const killedAt = epochNow();
    await replicas.get(runner)?.kill();
    await chats.answered([asked], WITHIN_MS);
    findings.add("ours", { "takeover-other": (chats.courses([asked], [])[0]?.finalAt ?? Number.NaN) - killedAt });
    findings.count(["takeover-other"], chats.judge());
  } finally {
    for (const replica of replicas.values()) await replica.dispose();
  }
}

async function byItsSuccessor(
  lab: Lab,
  findings: Findings,
  row: "takeover-postgres" | "takeover-embedded",
  options: SubjectOptions,
  round: number,
): Promise<void> {
  await using telegram = await openTelegram();
  const first = await Subject.ours(lab, { telegram, ...options });
  const chats = new Chats(telegram, 1);
  const asked = await askSlowly(lab, chats, `${row}${round}`);
  await first.kill();
  const spawnedAt = epochNow();
  const second = await Subject.ours(lab, { telegram, ...options, dataDir: first.dataDir }, false);
  try {
    await chats.answered([asked], WITHIN_MS);
    findings.add("ours", { [row]: (chats.courses([asked], [])[0]?.finalAt ?? Number.NaN) - spawnedAt });
    findings.count([row], chats.judge());
  } finally {
    await second.dispose();
    await first.dispose();
  }
}

/** Resolves in the middle of the answer, with the next one set to be quick. */
async function askSlowly(lab: Lab, chats: Chats, question: string) {
  await lab.model.pace(SLOW);
  const asked = chats.ask(0, question, SLOW.chars);
  await lab.model.speaking(question);
  await sleep(KILL_AFTER_MS);
  await lab.model.pace(QUICK);
  return asked;
}
