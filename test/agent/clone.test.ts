import { describe, expect, test } from "vitest";
import { emptyPlaceholders, renderInstruction } from "../../src/agent/render-instruction.ts";
import { userMessage } from "../../src/agent/message.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { answer, asks, card, cloneOf } from "./run-it.ts";

const model = scriptedModel();

describe("a clone", () => {
  test("has a frozen copy of its card, so that a reload meanwhile does not reach its run", () => {
    const mine = { ...card, sampling: { stopSequences: ["END"] } };
    const clone = cloneOf({ model, card: mine });
    mine.instruction = "Changed.";
    mine.sampling.stopSequences.push("STOP");
    expect(clone.card).toMatchObject({ instruction: "Help.", sampling: { stopSequences: ["END"] } });
    expect(Object.isFrozen(clone.card) && Object.isFrozen(clone.card.sampling.stopSequences)).toBe(true);
  });

  test("replays the history, repaired", () => {
    const history = [answer("rest of a turn"), userMessage("two"), asks(["1", "look"])];
    const clone = cloneOf({ model, history });
    expect(clone.history.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
  });

  test("replays nothing when its card says use_history: false", () => {
    const clone = cloneOf({ model, card: { ...card, useHistory: false }, history: [userMessage("one"), answer("1")] });
    expect(clone.history).toEqual([]);
    expect(clone.turn).toHaveLength(1);
  });

  test("starts with nothing kept, nothing in flight and nobody who steers", async () => {
    const clone = cloneOf({ model });
    expect([clone.kept, clone.inFlight.size, await clone.steer()]).toEqual([[], 0, []]);
  });
});

describe("an instruction", () => {
  test("has date and name filled in; other placeholders stay as written", () => {
    const instruction =
      "I am {{agentName}}, today is {{currentDate}}. {{other}} {{ agentName }} {{constructor}} {agentName}";
    expect(renderInstruction({ name: "demo", instruction }, "2026-11-21")).toBe(
      "I am demo, today is 2026-11-21. {{other}} {{ agentName }} {{constructor}} {agentName}",
    );
  });

  test("knows its card and its surroundings, and says nothing of where they lie", () => {
    const instruction = "{{agentType}}|{{agentCardPath}}|{{agentCardDir}}|{{env}}";
    const rendered = renderInstruction({ name: "demo", file: "demo.md", instruction }, "today");
    expect(rendered).toMatch(/^agent\|demo\.md\|\.\|Parley, a chat gateway\./);
  });

  test("has nothing where something does not exist here, and no address is fetched", () => {
    const instruction = "a{{workspaceRoot}}b{{serverInstructions}}c{{agentSkills}}d{{url:http://10.0.0.1/x}}e";
    expect(renderInstruction({ name: "demo", instruction }, "today")).toBe("abcde");
    expect(emptyPlaceholders(instruction)).toEqual([
      "{{workspaceRoot}} is left empty: there is no folder to work in",
      "{{serverInstructions}} is left empty: what an MCP server says of itself is no instruction here",
      "{{agentSkills}} is left empty: skills are not read yet",
      "{{url:http://10.0.0.1/x}} is left empty: the gateway fetches no addresses for cards",
    ]);
  });

  test("has the card's own placeholders filled in, which replace none of the gateway's", () => {
    const templateVars = { tone: "dry", agentName: "else" };
    expect(renderInstruction({ name: "demo", instruction: "{{tone}} {{agentName}}", templateVars }, "today")).toBe(
      "dry demo",
    );
  });

  test("is filled in once: a name cannot bring a placeholder with it", () => {
    expect(renderInstruction({ name: "{{currentDate}}", instruction: "{{agentName}}" }, "today")).toBe(
      "{{currentDate}}",
    );
  });
});
