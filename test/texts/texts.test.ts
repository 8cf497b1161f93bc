import { describe, expect, test } from "vitest";
import { LANGUAGES, type Texts } from "../../src/texts/texts.ts";
import { isUnfitForPeople } from "../support/e2e.ts";

type Functions = { [K in keyof Texts as Texts[K] extends (...args: never[]) => string ? K : never]: Texts[K] };
type Said = Record<string, string>;

/** One call of each text that has places to fill in; all of these are to be found in it. */
const CALLS: { [K in keyof Functions]: Parameters<Functions[K]> } = {
  failed: ["WHAT.", "run_1234"],
  cannotBeShown: ["run_1234"],
  seconds: [7],
  toolsDone: [3, 7],
  moreTools: [7],
  noResultFrom: [["LOOK", "SEE"]],
  toolsMissing: [["LOOK", "SEE"]],
  modelBusy: [7],
  filesNotRead: [[{ name: "PLAN.pdf", kind: "document", fault: "locked" }]],
  restInFile: ["ANSWER.md"],
  notComplete: ["SAID."],
  tryAgainIn: ["SAID.", 7],
  tryAgainLater: ["SAID."],
  sendLess: ["SAID."],
  askAgain: ["SAID."],
  mayCall: ["AGENT", "TOOL"],
  mayCallAgain: ["AGENT", "TOOL"],
  decideWithin: [7],
  approvedBy: ["WHO"],
  deniedBy: ["WHO"],
  repeatedBy: ["WHO"],
  skippedBy: ["WHO"],
  unknownCommand: ["!"],
  hello: ["AGENT", "HELP"],
  newTalk: ["!"],
  withdrawn: [7],
  waiting: [7],
  statusOf: ["TITLE", "AGENT", 7],
  openOne: ["!"],
  noSuchTalk: ["!"],
  goOnWith: ["TITLE"],
  chooseAgent: ["!"],
  chooseModel: ["!"],
  noSuchModel: ["!"],
  modelChosen: ["MODEL"],
  noSuchAgent: ["!"],
  agentChosen: ["AGENT"],
  chooseMode: ["!"],
  noSuchMode: ["!"],
  titleIs: ["TITLE", "!"],
  titleSet: ["TITLE"],
  traceOf: ["TRACE", "RUN"],
  usageOfYou: ["TODAY", "MONTH"],
  usageHere: ["TODAY", "MONTH"],
  tokens: [7],
  budgetShare: ["WHOSE", 7],
  budgetNearlyUsed: ["WHOSE", 83, 7],
  budgetUsedUp: ["WHOSE", 7],
  webLink: ["URL"],
  linkCode: ["CODE"],
  linkedElsewhere: ["!"],
  linked: ["ACCOUNT", "!"],
  unlinked: ["ACCOUNT"],
  nothingLinked: ["!"],
  rememberedMore: [7],
  forgetOne: ["!"],
  noSuchMemory: ["!"],
  forgotten: ["FACT"],
  forgottenAll: [7],
  summedUp: [7, 12_000, 900],
  stranger: ["CODE"],
  forgetMe: ["/"],
  strangerToList: ["telegram:7"],
};

type Filling = string | number | { name: string };

/** What the places hold, without what only chooses the words. */
function fillings(args: readonly (Filling | readonly Filling[])[]): string[] {
  return args.flat().map((each) => (typeof each === "object" ? each.name : `${each}`));
}

function allSaid(texts: Texts): Said {
  const said: Said = {};
  const collect = (values: object, path: string) => {
    for (const [key, value] of Object.entries(values) as [string, unknown][]) {
      const name = path + key;
      if (typeof value === "string") said[name] = value;
      else if (typeof value === "object") collect(value!, `${name}.`);
      else said[name] = (value as (...args: unknown[]) => string)(...CALLS[name as keyof Functions]);
    }
  };
  collect(texts, "");
  return said;
}

describe.each(Object.entries(LANGUAGES))("the texts of %s", (_language, texts) => {
  const said = allSaid(texts);

  test("are all there, and fit for people", () => {
    expect(Object.keys(said).length).toBeGreaterThan(80);
    const wrong = Object.entries(said).filter(([, text]) => text.trim() === "" || isUnfitForPeople(text));
    expect(wrong).toEqual([]);
  });

  test("leave out nothing they are given", () => {
    const missing = Object.entries(CALLS).flatMap(([name, args]) =>
      fillings(args).flatMap((filling) => (said[name]!.includes(filling) ? [] : [`${name}: ${filling}`])),
    );
    expect(missing).toEqual([]);
  });

  test("have room on a button of Slack", () => {
    expect([...texts.stopButton].length).toBeLessThanOrEqual(75);
  });
});

test.each([
  ["ru", /\p{Script=Cyrillic}/u],
  ["zh", /\p{Script=Han}/u],
])("the texts of %s are written in its script", (language, script) => {
  const foreign = Object.entries(allSaid(LANGUAGES[language]!)).filter(([, text]) => !script.test(text));
  expect(foreign.map(([name]) => name)).toEqual(["failed"]);
});

test("the texts of German are not the English ones", () => {
  const english = allSaid(LANGUAGES["en"]!);
  const same = Object.entries(allSaid(LANGUAGES["de"]!)).filter(([name, text]) => english[name] === text);
  expect(same.map(([name]) => name)).toEqual(["failed", "seconds"]);
});
