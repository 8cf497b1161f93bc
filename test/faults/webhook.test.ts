import { expect, it } from "vitest";
import { chances } from "../support/chaos/random.ts";
import { Stage } from "../support/chaos/stage.ts";
import { answerTo } from "../support/chaos/verdict.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 30;
const QUICK = { words: WORDS, chunkChars: 8, chunkEveryMs: 10 };
const ROUNDS = 6;

interface RunRow {
  input: string;
  state: string;
}

/** Every input with the run that took it; an input that two runs took, or none, shows. */
function runsByInput(stage: Stage): Promise<RunRow[]> {
  return stage.rows<RunRow>(
    `select i.parts->0->>'text' as input, r.state from inbox i left join runs r on r.session_id = i.session_id and r.id = i.run_id
     where i.session_id is not null order by i.arrival_no`,
  );
}

it("fault-02: an update whose acknowledgement died with the replica is answered by one run, once", async () => {
  const stage = await Stage.open({ webhook: true, model: QUICK, telegram: { timeScale: 0.2 } });
  const [a, b] = await stage.startTwo();
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  stage.router.target = a;
  stage.router.onAnswer = async () => {
    if (!a.process.running) return false;
    await a.process.kill();
    stage.router.target = b;
    return true;
  };
  const { updateId } = stage.telegram.say({ chat, from: ann, text: "one" });
  const shown = () => stage.telegram.botMessages(chat).filter(({ text }) => text === answerTo("one", WORDS));
  await stage.telegram.until(() => shown().length === 1, 15_000);
  const deliveries = stage.telegram.deliveries.filter((each) => each.updateId === updateId);
  expect(deliveries.map(({ status }) => status)).toEqual([0, 200]);
  expect(await runsByInput(stage)).toEqual([{ input: "one", state: "completed" }]);
  // The second attempt may only be asked for the very same turn.
  expect(stage.model.requests.map(({ messages }) => messages.filter(({ role }) => role === "user").length)).toEqual(
    stage.model.requests.map(() => 1),
  );
});

it("fault-02: kills at random around the acknowledgement leave one run for every update", async () => {
  const dice = chances(Number(process.env["PARLEY_SEED"] ?? Date.now() % 1_000_000));
  process.stdout.write(`      PARLEY_SEED=${dice.seed}\n`);
  const stage = await Stage.open({ webhook: true, model: QUICK, telegram: { timeScale: 0.2 } });
  let only = await stage.start("only");
  stage.router.target = only;
  const ann = stage.telegram.user(7, "Ann");
  const chat = stage.telegram.privateChat(ann);
  const questions = Array.from({ length: ROUNDS }, (_, round) => `question ${round}.`);
  for (const question of questions) {
    const called = Promise.withResolvers<void>();
    stage.router.onCall = () => called.resolve();
    stage.telegram.say({ chat, from: ann, text: question });
    await called.promise;
    await new Promise((resolve) => setTimeout(resolve, dice.next(25)));
    await only.process.kill();
    only = await stage.start("only");
    stage.router.target = only;
    await until("the update to be acknowledged", () => stage.telegram.pendingUpdates() === 0, 15_000);
    await stage.telegram.until(
      () => stage.telegram.botMessages(chat).some(({ text }) => text === answerTo(question, WORDS)),
      15_000,
    );
  }
  expect(await runsByInput(stage)).toEqual(questions.map((input) => ({ input, state: "completed" })));
  const shown = stage.telegram.botMessages(chat).map(({ text }) => text);
  for (const question of questions) expect(shown.filter((text) => text === answerTo(question, WORDS))).toHaveLength(1);
});
