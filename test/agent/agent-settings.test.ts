import { expect, test } from "vitest";
import { busyPolicyFor, feedbackAt, memoryInGroup, readSettings } from "../../src/agent/agent-settings.ts";

const settings = readSettings(`
agents:
  demo: { on_busy: steer }
places:
  "telegram:-100": { on_busy: queue }
  "telegram:-100:7": { on_busy: reject }
  "slack:T1:C1": { on_busy: parallel }
`);
const at = (account: string, chat: string, thread = "") => ({ account, chat, thread });

test("the chat's own mode goes before thread, chat and agent", () => {
  const ask = (place: ReturnType<typeof at> | null, agent = "demo", mode: "interrupt" | null = null) =>
    busyPolicyFor(settings, { agent, place, mode });
  expect(ask(at("telegram:4711", "-100", "7"), "demo", "interrupt")).toBe("interrupt");
  expect(ask(at("telegram:4711", "-100", "7"))).toBe("reject");
  expect(ask(at("telegram:4711", "-100", "8"))).toBe("queue");
  expect(ask(at("slack:T1", "C1", "1.2"))).toBe("parallel");
  expect(ask(at("slack:T2", "C1"))).toBe("steer");
  expect(ask(null)).toBe("steer");
  expect(ask(null, "other")).toBeNull();
});

test("every fault is listed with file and field", () => {
  const text =
    "agents: { demo: { on_busy: maybe, extra: 1, tools: [shell] } }\nplaces: { nowhere: {} }\nusers: { ann: {} }\nteams: {}\n";
  expect(() => readSettings(text)).toThrow(
    [
      "parley.yaml: agents.demo.on_busy: must be one of interrupt, steer, queue, parallel, reject",
      "parley.yaml: agents.demo.extra: is not a field; remove it (fields: on_busy, feedback, tools, budget, fallback, models, summary_model, approvals, approvers, approval_minutes, trace_content, description, remote, module, limits)",
      "parley.yaml: agents.demo.tools: must be a list of tools (tools: web_fetch, memory)",
      'parley.yaml: places.nowhere: must be "telegram:<chat>" or "slack:<team>:<channel>", and may end in ":<thread>"',
      "parley.yaml: users.ann: must be the id of a user (usr_…)",
      "parley.yaml: teams: is not a section; remove it (sections: agents, places, users, keys, feedback, budgets, prices, providers, retention, trace_content)",
    ].join("\n"),
  );
});

test.each(["telegram:-1", "slack:T1:C1"])("%s can be always listened to", (key) => {
  expect(readSettings(`places:\n  "${key}": { listen: always }`).places.get(key)).toEqual({ listen: "always" });
});

test("agents remember in groups only where their place says so, a thread before its chat", () => {
  const read = readSettings('places: { "telegram:-1": { memory: true }, "telegram:-1:7": { memory: false } }');
  const may = (chat: string, thread = "") => memoryInGroup(read, at("telegram:4711", chat, thread));
  expect([may("-1"), may("-1", "8"), may("-1", "7"), may("-2")]).toEqual([true, true, false, false]);
  expect(() => readSettings('places: { "telegram:-1": { memory: on } }')).toThrow("must be true or false");
});

test("an agent is granted the gateway's own tools by name", () => {
  const granted = (tools: string) => readSettings(`agents: { demo: { tools: ${tools} } }`).agents.get("demo")?.tools;
  expect(granted("[web_fetch, web_fetch]")).toEqual(["web_fetch"]);
  expect(granted("[]")).toEqual([]);
  expect(() => granted("web_fetch")).toThrow("must be a list of tools");
  expect(() => readSettings('places: { "slack:T1:C1": { tools: [web_fetch] } }')).toThrow("is not a field");
});

test("an agent's talks are summed up by the model that is set for it", () => {
  const of = (model: string) => readSettings(`agents: { demo: { summary_model: ${model} } }`);
  expect(of('"small?temperature=0"').agents.get("demo")).toEqual({
    summary_model: { model: "small", sampling: { temperature: 0 } },
  });
  expect(() => of("3")).toThrow("agents.demo.summary_model: must be the name of a model");
  expect(() => of("nobody.small")).toThrow('agents.demo.summary_model: there is no provider "nobody"');
});

test("thumbs stand where thread, chat, agent or the whole file says so, else where they do by default", () => {
  const read = readSettings(`
feedback: off
agents: { keen: { feedback: on } }
places: { "telegram:-1": { feedback: off }, "telegram:-1:7": { feedback: on } }
`);
  const stand = (chat: string, agent: string, thread = "") =>
    feedbackAt(read, agent, at("telegram:4711", chat, thread), true);
  expect([stand("-1", "demo", "7"), stand("-1", "keen"), stand("-2", "keen"), stand("-2", "demo")]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(feedbackAt(readSettings(""), "demo", at("telegram:4711", "-2"), true)).toBe(true);
  for (const wrong of ["feedback: yes", "agents: { demo: { feedback: 1 } }"])
    expect(() => readSettings(wrong)).toThrow(/feedback: must be on or off/);
});
