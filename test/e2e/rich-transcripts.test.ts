import { beforeAll, describe, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";
import { asRead, file, inTwo, saying } from "../support/transcript.ts";

const BEGUN = "Who owes what:\n\n| Name | Due |\n|:-----|----:|\n| Ann | **4** |\n| Bo";
const REST = "b | 12 |\n\n- [x] ask Ann\n- [ ] ask Bob";

describe("with rich messages", () => {
  const scene = sceneOf({ env: { TELEGRAM_RICH: "auto" } });
  beforeAll(async () => {
    await scene().start();
  });

  test("a table grows row by row, and what needs none stays text", async () => {
    const { telegram, model } = scene();
    const ann = scene().person("Ann");
    model.script(saying({ owes: inTwo(BEGUN, REST), thanks: inTwo("You are welcome, as ever", ".") }));
    const isWhole = (end: string) => {
      const last = telegram.botMessages(ann.chat).at(-1);
      return last?.text.endsWith(end) && last.keyboard === null;
    };
    telegram.say({ chat: ann.chat, from: ann.user, text: "who owes what?" });
    await telegram.until(() => isWhole("☐ ask Bob"), 30_000);
    telegram.say({ chat: ann.chat, from: ann.user, text: "thanks" });
    await telegram.until(() => isWhole("as ever."), 30_000);
    expect(telegram.botMessages(ann.chat).map((message) => message.rich !== null)).toEqual([true, false]);
    await expect(asRead(telegram.transcript(ann.chat))).toMatchFileSnapshot(file("telegram-rich"));
  });
});

describe("with rich messages, at a server that knows none", () => {
  const scene = sceneOf({ env: { TELEGRAM_RICH: "auto" }, telegram: { rich: false } });
  beforeAll(async () => {
    await scene().start();
  });

  test("the same answer is text, in one message", async () => {
    const { telegram, model } = scene();
    const ann = scene().person("Ann");
    model.script(saying({ owes: inTwo(BEGUN, REST) }));
    telegram.say({ chat: ann.chat, from: ann.user, text: "who owes what?" });
    await telegram.until(() => telegram.botMessages(ann.chat).at(-1)?.text.endsWith("☐ ask Bob"), 30_000);
    await telegram.until(() => telegram.botMessages(ann.chat).at(-1)?.keyboard === null, 30_000);
    expect(telegram.botMessages(ann.chat)).toHaveLength(1);
    expect(telegram.calls("sendRichMessage").length).toBeLessThanOrEqual(1);
    await expect(asRead(telegram.transcript(ann.chat))).toMatchFileSnapshot(file("telegram-rich-unknown"));
  });
});
