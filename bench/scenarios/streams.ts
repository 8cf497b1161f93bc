import { setTimeout as sleep } from "node:timers/promises";
import { Chats } from "../chats.ts";
import { openTelegram, QUIET } from "../conditions.ts";
import { resetPeak } from "../proc.ts";
import type { Scenario } from "../scenario.ts";
import { mostAtOnce, percentile } from "../statistics.ts";
import { Subject } from "../subject.ts";

/** 20 chunks a second for 10 s. */
const SPEECH = { chars: 800, chunkChars: 4, ttftMs: 200, chunkEveryMs: 50 };
/** 24 characters are there with the 6th chunk, as late as the rule lets the first text be: 250 ms after the token. */
const RULE_MS = 250;
const ROWS = ["streams-count", "streams-lag", "streams-memory", "streams-first", "streams-early"] as const;

/** Very many answers at once in one process, each to its own chat, each chat's budget watched by the fake. */
export const streams: Scenario = {
  name: "streams",
  rows: ROWS,
  async run(lab, findings) {
    const count = lab.options.quick ? 200 : 1_000;
    const databaseUrl = await lab.newDatabase();
    await using telegram = await openTelegram({ token: null });
    const subject = await Subject.ours(lab, { telegram, databaseUrl });
    try {
      const chats = new Chats(telegram, count);
      await lab.model.forget();
      await lab.model.pace(QUIET);
      const warm = await chats.askAll(count, { label: "warm", everyMs: 8, chars: QUIET.chars });
      await chats.answered(warm, 60_000);
      await sleep(4_000); // every chat's budget is full again
      telegram.forget();

      await lab.model.forget();
      await lab.model.pace(SPEECH);
      await subject.api("GET", "/metrics"); // the lag counts from the last look
      const before = subject.memoryMb("VmRSS");
      resetPeak(subject.pid);
      const cpuBefore = subject.cpuMs;
      const asked = await chats.askAll(count, { label: "stream", everyMs: 4, chars: SPEECH.chars });
      await chats.answered(asked, 90_000);
      const { text } = await subject.api("GET", "/metrics");
      const journal = await lab.model.journal();
      const courses = chats.courses(asked, journal, RULE_MS);
      findings.add("ours", {
        "streams-count": mostAtOnce(journal.map(({ firstChunkAt, lastChunkAt }) => [firstChunkAt, lastChunkAt])),
        "streams-lag": metric(String(text), "nodejs_eventloop_lag_p99_seconds") * 1000,
        "streams-memory": ((subject.memoryMb("VmHWM") - before) * 1024) / count,
        "streams-first": percentile(
          courses.map(({ firstTextMs }) => firstTextMs),
          99,
        ),
        "streams-early": telegram.rateLimited,
      });
      findings.count(ROWS, chats.judge());
      const late = Math.max(...courses.map(({ finalTextMs }) => finalTextMs));
      const cpu = (subject.cpuMs - cpuBefore) / count;
      const slowest = percentile(
        courses.map(({ modelMs }) => modelMs),
        99,
      );
      findings.note(["streams-first"], `update → model request p99 ${Math.round(slowest)} ms`);
      findings.note(["streams-count"], `${cpu.toFixed(1)} ms of CPU a run; the last text ${Math.round(late)} ms late`);
    } finally {
      await subject.dispose();
      await lab.dropDatabase(databaseUrl);
    }
  },
};

/** The value of a metric without labels. */
function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}
