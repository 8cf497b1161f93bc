import { readFileSync } from "node:fs";
import path from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createMetrics } from "../../src/observe/metrics.ts";

interface Panel {
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string }[];
}
interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: { severity: string };
  annotations?: { summary: string; description: string };
}

const read = (name: string) => readFileSync(path.join(import.meta.dirname, "../../deploy", name), "utf8");
const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
  panels: Panel[];
  templating: { list: { name: string; query: string | { query: string } }[] };
};
const rules = (parse(read("prometheus-rules.yaml")) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const recorded = rules.flatMap(({ record }) => (record === undefined ? [] : [record]));
const metrics = createMetrics();
afterAll(() => metrics.close());

/** The labels of every series that a scrape can hold, by its name. */
async function series(): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>(recorded.map((name) => [name, []]));
  const labels = new Map(
    (Object.values(metrics) as { name?: string; labelNames?: string[] }[]).flatMap(({ name, labelNames = [] }) =>
      name === undefined ? [] : [[name, labelNames]],
    ),
  );
  for (const [, name = "", type] of (await metrics.render()).matchAll(/^# TYPE (\S+) (\S+)/gm)) {
    const own = [...(labels.get(name) ?? []), "instance", "job"];
    if (type !== "histogram") all.set(name, own);
    else for (const end of ["_bucket", "_sum", "_count"]) all.set(name + end, end === "_bucket" ? [...own, "le"] : own);
  }
  return all;
}

/** What is wrong with an expression: its syntax, and names that no metric has. */
function faultsOf(expression: string, known: Map<string, string[]>): string[] {
  const text = expression.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "6h");
  const faults: string[] = [];
  const inUse = new Set<string>();
  const groupings: string[] = [];
  let selected: string[] = [];
  parser.parse(text).iterate({
    enter({ type, from, to, node }) {
      const word = text.slice(from, to);
      if (type.isError) faults.push(`syntax at ${from}: ${text.slice(from, from + 20)}`);
      else if (type.name === "Identifier" && node.parent?.name === "VectorSelector") {
        if (!known.has(word)) faults.push(`no metric ${word}`);
        selected = known.get(word) ?? [];
        for (const label of selected) inUse.add(label);
      } else if (type.name === "LabelName" && node.parent?.name === "GroupingLabels") groupings.push(word);
      else if (type.name === "LabelName" && !selected.includes(word)) faults.push(`no label ${word}`);
    },
  });
  return [...faults, ...groupings.filter((label) => !inUse.has(label)).map((label) => `groups by ${label}`)];
}

describe("the dashboard", () => {
  it.each(dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))))(
    "shows what there is: $title",
    async ({ expr }) => {
      expect(faultsOf(expr, await series())).toEqual([]);
    },
  );

  it("has rows of panels that do not overlap, each with something to show", () => {
    const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(rows).toEqual(["Overview", "Chats", "Delivery", "Agents, models and cost", "Gateway", "Database"]);
    const taken = new Set<string>();
    for (const { type, title, gridPos, targets = [] } of dashboard.panels) {
      expect(type === "row" || targets.length > 0, title).toBe(true);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x < 24 && !taken.has(`${x} ${y}`), `${title} at ${x} ${y}`).toBe(true);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it("chooses among labels that exist", async () => {
    const known = await series();
    const asked = dashboard.templating.list.flatMap(({ query }) => (typeof query === "string" ? [] : [query.query]));
    expect(asked).toHaveLength(3);
    for (const query of asked) {
      const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      expect(known.get(metric), query).toContain(label);
    }
  });
});

describe("the rules", () => {
  it.each(rules.map(({ record, alert, expr }) => ({ name: record ?? alert, expr })))(
    "can be evaluated: $name",
    async ({ expr }) => {
      expect(faultsOf(expr, await series())).toEqual([]);
    },
  );

  it("say whom they wake, what has happened and what to do", () => {
    for (const { alert, labels, annotations } of rules.filter((rule) => rule.alert !== undefined)) {
      expect(labels?.severity, alert).toMatch(/^(page|ticket|info)$/);
      expect(Object.keys(annotations ?? {}), alert).toEqual(["summary", "description"]);
    }
    expect(new Set(rules.map(({ record, alert }) => record ?? alert)).size).toBe(rules.length);
  });

  it("use every ratio that they record", () => {
    const alerts = rules.flatMap(({ alert, expr }) => (alert === undefined ? [] : [expr])).join("\n");
    expect(recorded.filter((name) => !alerts.includes(name))).toEqual([]);
  });
});

it("leave out no metric", async () => {
  const shown = [...dashboard.panels.flatMap(({ targets = [] }) => targets), ...rules]
    .map(({ expr }) => expr)
    .join("\n");
  const names = Object.values(metrics as object as Record<string, { name?: string }>).flatMap(({ name = [] }) => name);
  expect(names.filter((name) => name.startsWith("parley_") && !shown.includes(name))).toEqual([]);
});

it.each([
  ["sum(rate(parley_runs_total{outcome=}[5m]))", /^syntax/],
  ["sum(rate(parley_turns_total[5m]))", /^no metric parley_turns_total$/],
  ['parley_runs_total{channel="slack"}', /^no label channel$/],
  ["sum by (channel) (parley_runs_total)", /^groups by channel$/],
])("a planted fault is found: %s", async (expression, fault) => {
  expect(faultsOf(expression, await series())[0]).toMatch(fault);
});
