import { setTimeout as sleep } from "node:timers/promises";
import { epochNow } from "../../test/fakes/model/journal.ts";
import { Chats, type Course } from "../chats.ts";
import { BURST, BURST_CHATS, openTelegram, QUIET } from "../conditions.ts";
import type { Lab, Statement } from "../lab.ts";
import { resetPeak } from "../proc.ts";
import type { Findings, Side } from "../report.ts";
import type { Scenario } from "../scenario.ts";
import { median, percentile } from "../statistics.ts";
import { Subject } from "../subject.ts";

const QUIET_EVERY_MS = 50;
/** A subject has settled, and no timer of its start is pending. */
const SETTLE_MS = 1_500;
const ANSWER_WITHIN_MS = 30_000;

const ROWS = [
  "model-idle-p50",
  "model-idle-p99",
  "model-burst-p99",
  "typing",
  "first-text",
  "final-text",
  "burst-final",
  "burst-cpu",
  "idle-cpu",
  "memory-idle",
  "memory-burst",
  "statements-idle",
  "statements-burst",
] as const;

/** The way of a message, quietly at 20 a second and in a burst, on Postgres; the floor and ours take turns. */
export const messagePath: Scenario = {
  name: "path",
  rows: ROWS,
  async run(lab, findings) {
    for (let round = 1; round <= lab.options.rounds; round++) {
      await measure(lab, findings, "floor", round);
      await measure(lab, findings, "ours", round);
    }
    findings.note(["first-text"], "chunks of 32 characters: the first one may be shown at once");
    findings.note(["statements-idle", "statements-burst"], "pg_stat_statements, with BEGIN, COMMIT and all polling");
    findings.note(["typing", "statements-idle", "statements-burst"], "the floor shows no typing and stores nothing");
  },
};

async function measure(lab: Lab, findings: Findings, side: Side, round: number): Promise<void> {
  const quiet = lab.options.quick ? { chats: 20, questions: 40 } : { chats: 80, questions: 160 };
  await using telegram = await openTelegram();
  const databaseUrl = await lab.newDatabase();
  const subject =
    side === "floor" ? await Subject.floor(lab, telegram) : await Subject.ours(lab, { telegram, databaseUrl });
  try {
    await telegram.until(() => telegram.polling(), 10_000);
    await sleep(SETTLE_MS);
    findings.add(side, { "memory-idle": subject.memoryMb("VmRSS") });
    const chats = new Chats(telegram, Math.max(quiet.chats, BURST_CHATS));

    await lab.model.forget();
    await lab.model.pace(QUIET);
    const ask = (label: string, count: number) =>
      chats.askAll(count, { label: `${label}${round}`, everyMs: QUIET_EVERY_MS, chars: QUIET.chars });
    // Also makes the chats known, so that what follows is the everyday way.
    await chats.answered(await ask("warm", chats.size), ANSWER_WITHIN_MS);
    await sleep(500);
    const calm = await during(lab, subject, databaseUrl, async () => {
      const asked = await ask("quiet", quiet.questions);
      await chats.answered(asked, ANSWER_WITHIN_MS);
      return chats.courses(asked, await lab.model.journal());
    });

    await lab.model.forget();
    await lab.model.pace(BURST);
    await sleep(3_000); // every chat's budget is full again
    resetPeak(subject.pid);
    const saidAt = epochNow();
    const busy = await during(lab, subject, databaseUrl, async () => {
      const asked = await chats.askAll(BURST_CHATS, { label: `burst${round}`, everyMs: 0, chars: BURST.chars });
      await chats.answered(asked, ANSWER_WITHIN_MS);
      return chats.courses(asked, await lab.model.journal());
    });
    await sleep(500);
    findings.add(side, {
      "model-idle-p50": median(of(calm.result, "modelMs")),
      "model-idle-p99": percentile(of(calm.result, "modelMs"), 99),
      "model-burst-p99": percentile(of(busy.result, "modelMs"), 99),
      "first-text": median(of(calm.result, "firstTextMs")),
      "final-text": median(of(calm.result, "finalTextMs")),
      "burst-final": Math.max(...of(busy.result, "finalAt")) - saidAt,
      "burst-cpu": busy.cpuMs / BURST_CHATS,
      "idle-cpu": calm.cpuMs / quiet.questions,
      "memory-burst": subject.memoryMb("VmHWM"),
    });
    if (side === "ours") {
      findings.add(side, {
        typing: median(of(calm.result, "typingMs")),
        "statements-idle": calm.statements / quiet.questions,
        "statements-burst": busy.statements / BURST_CHATS,
      });
      findings.count(ROWS, chats.judge());
    }
    if (side === "floor") noteFloor(findings, chats.judge());
  } finally {
    await subject.dispose();
    await lab.dropDatabase(databaseUrl);
  }
}

function of(courses: readonly Course[], field: keyof Omit<Course, "question">): number[] {
  return courses.map((course) => course[field]);
}

/** What the subject and its database did meanwhile, half a second of the aftermath included. */
async function during<T>(
  lab: Lab,
  subject: Subject,
  databaseUrl: string,
  work: () => Promise<T>,
): Promise<{ result: T; cpuMs: number; statements: number }> {
  await lab.statementsSince(databaseUrl);
  const before = subject.cpuMs;
  const result = await work();
  await sleep(500);
  const list = await lab.statementsSince(databaseUrl);
  if (lab.options.statements) process.stderr.write(`${describe(list)}\n\n`);
  return { result, cpuMs: subject.cpuMs - before, statements: list.reduce((sum, { calls }) => sum + calls, 0) };
}

function describe(list: readonly Statement[]): string {
  return list
    .map(({ calls, meanMs, query }) => `${calls} × ${meanMs.toFixed(2)} ms  ${query.slice(0, 130)}`)
    .join("\n");
}

function noteFloor(findings: Findings, { asked, lost, doubled, wrong }: ReturnType<Chats["judge"]>): void {
  if (lost + doubled + wrong > 0)
    findings.note(["burst-final"], `the floor: ${lost} lost, ${doubled} doubled, ${wrong} wrong of ${asked}`);
}
