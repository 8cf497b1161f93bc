import { describe, expect, test } from "vitest";
import type { ModelFailure } from "../../src/agent/model-client.ts";
import { internalFailure, modelFailure } from "../../src/agent/run-endings.ts";
import { textsFor } from "../../src/texts/texts.ts";
import { callTool, failWith, finish, scriptedModel, type ModelStep } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { hurriedClock } from "./manual-clock.ts";
import { card, cloneOf, protocol, runIt } from "./run-it.ts";

const BUSY: ModelFailure = { kind: "retryable", what: "busy", message: "The model provider is busy." };

async function lastLines(language: string, ...steps: ModelStep[]): Promise<string[]> {
  const tools = scriptedTools({ look: { answer: "noon" } });
  const clone = cloneOf({ model: scriptedModel(...steps), tools, language, card: { ...card, maxSteps: 1 } });
  return protocol(await runIt(clone, { clock: hurriedClock() })).slice(-2);
}

describe("a run speaks the language of its person", () => {
  test.each([
    ["", "The model provider did not accept the gateway's key."],
    ["pt-br", "The model provider did not accept the gateway's key."],
    ["ru", "Провайдер модели не принял ключ шлюза."],
    ["de-AT", "Der Anbieter des Modells hat den Schlüssel des Gateways nicht angenommen."],
    ["zh-hans", "模型服务商没有接受网关的密钥。"],
  ])("when its model fails: %j", async (language, said) => {
    const step = failWith("refused", { what: "bad_key", message: "The model provider did not accept…" });
    expect(await lastLines(language, step)).toEqual(["step 1", `failed model_refused: ${said}`]);
  });

  test("when it ends without a fault of its model", async () => {
    expect(await lastLines("de", finish())).toContain(`failed empty_answer: ${textsFor("de").emptyAnswer}`);
    expect(await lastLines("ru", finish("refusal"))).toContain(`failed refusal: ${textsFor("ru").declined}`);
    expect(await lastLines("zh", ["好", finish("length")])).toEqual([
      `assistant complete: ${textsFor("zh").cutAtLength}`,
      "completed: length",
    ]);
    expect(await lastLines("de", callTool("look"))).toContain(`assistant complete: ${textsFor("de").tooManySteps}`);
    expect(internalFailure(new Error("bug"), textsFor("ru")).message).toBe("Что-то пошло не так.");
  });
});

test.each([
  ["en", 2, "The model provider is busy. Please try again in 2 minutes."],
  ["ru", 2, "Провайдер модели перегружен. Пожалуйста, попробуйте снова через 2 минуты."],
  ["ru", 5, "Провайдер модели перегружен. Пожалуйста, попробуйте снова через 5 минут."],
  ["ru", 11, "Провайдер модели перегружен. Пожалуйста, попробуйте снова через 11 минут."],
  ["ru", 21, "Провайдер модели перегружен. Пожалуйста, попробуйте снова через 21 минуту."],
  ["de", 2, "Der Anbieter des Modells ist ausgelastet. Bitte versuch es in 2 Minuten noch einmal."],
  ["zh", 2, "模型服务商正忙。请在 2 分钟后重试。"],
])("a long wait is told in minutes: %s, %i", (language, minutes, said) => {
  const failure = { ...BUSY, retryAfterMs: minutes * 60_000 - 1 };
  expect(modelFailure(failure, false, textsFor(language))).toMatchObject({ code: "model_busy", message: said });
});

test.each([
  ["en", "a minute"],
  ["ru", "через минуту"],
  ["de", "in einer Minute"],
])("one minute is no number: %s", (language, words) => {
  expect(textsFor(language).tryAgainIn("", 1)).toContain(words);
});

test("what a model client says itself is shown where there is no text for it", () => {
  const own: ModelFailure = { kind: "refused", message: "The cellar is locked" };
  expect(modelFailure(own, false, textsFor("de")).message).toBe("The cellar is locked.");
  expect(modelFailure({ ...own, message: " " }, false, textsFor("de")).message).toBe("Das Modell ist gescheitert.");
  expect(modelFailure(own, true, textsFor("zh")).message).toBe(
    "The cellar is locked.回答不完整；发送“继续”可以接着回答。",
  );
});
