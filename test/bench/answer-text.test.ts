import * as fc from "fast-check";
import { expect, it } from "vitest";
import { answerFor, answerHead } from "../../bench/answer-text.ts";

const questions = fc.stringMatching(/^[a-z]{1,8}\d-\d{1,4}$/);

it("answers are as long as asked for, begin with their question and end with a visible character", () => {
  fc.assert(
    fc.property(questions, fc.integer({ min: 40, max: 5000 }), (question, chars) => {
      const answer = answerFor(question, chars);
      expect(answer).toHaveLength(chars);
      expect(answer.startsWith(answerHead(question))).toBe(true);
      expect(answer.at(-1)).not.toBe(" ");
    }),
  );
});

it("the head of one question is never the beginning of another's answer", () => {
  expect(answerFor("warm1-10", 100).startsWith(answerHead("warm1-1"))).toBe(false);
});

it("an answer too short for its head is the head", () => {
  expect(answerFor("quiet1-1", 3)).toBe("Re quiet1-1:.");
});
