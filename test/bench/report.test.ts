import { describe, expect, it } from "vitest";
import { describeGoal, isMet } from "../../bench/goals.ts";
import { Findings, renderTable } from "../../bench/report.ts";

const RIGHT = { asked: 50, lost: 0, doubled: 0, wrong: 0 };

describe("a goal", () => {
  it.each([
    [{ atMost: 40 }, 40, null, true],
    [{ atMost: 40 }, 40.1, null, false],
    [{ below: 40 }, 40, null, false],
    [{ atLeast: 1.9 }, 1.9, null, true],
    [{ atLeast: 1.9 }, 1.8, null, false],
    [{ floorPlus: 8 }, 12, 4, true],
    [{ floorPlus: 8 }, 12.1, 4, false],
    [{ atMost: 16, floorTimes: 1.5 }, 15, 10, true],
    [{ atMost: 16, floorTimes: 1.5 }, 15.1, 10, false],
    [{ atMost: 16, floorTimes: 1.5 }, 16.1, 20, false],
  ])("%j with ours %d and the floor's %s is met: %s", (goal, ours, floor, met) => {
    expect(isMet(goal, ours, floor)).toBe(met);
  });

  it("is not judged without a number, or without the floor it speaks of", () => {
    expect(isMet({ atMost: 1 }, null, 1)).toBeNull();
    expect(isMet({ atMost: 1 }, Number.NaN, 1)).toBeNull();
    expect(isMet({ floorPlus: 8 }, 1, null)).toBeNull();
    expect(isMet(null, 1, 1)).toBeNull();
    expect(isMet({ atMost: 16, floorTimes: 1.5 }, 17, null)).toBe(false);
  });

  it("reads as people write it", () => {
    expect(describeGoal({ atMost: 16, floorTimes: 1.5 })).toBe("≤ 16, ≤ floor × 1.5");
    expect(describeGoal({ below: 5 })).toBe("< 5");
    expect(describeGoal({ atLeast: 1000 })).toBe("≥ 1000");
    expect(describeGoal({ floorPlus: 8 })).toBe("≤ floor + 8");
    expect(describeGoal(null)).toBe("");
  });
});

describe("the findings of a scenario", () => {
  it("are reported as the medians of their rounds, with the ratio to the floor", () => {
    const findings = new Findings();
    for (const value of [12, 9, 30]) findings.add("ours", { "burst-cpu": value });
    for (const value of [10, 8, 9]) findings.add("floor", { "burst-cpu": value });
    expect(findings.report(["burst-cpu"])).toMatchObject([
      { row: "burst-cpu", ours: 12, floor: 9, ratio: 12 / 9, met: true, rounds: 3, goal: "≤ 16, ≤ floor × 1.5" },
    ]);
  });

  it("reach no goal when an answer was lost, doubled or wrong", () => {
    for (const fault of ["lost", "doubled", "wrong"]) {
      const findings = new Findings();
      findings.add("ours", { typing: 1 });
      findings.count(["typing"], RIGHT);
      expect(findings.report(["typing"])).toMatchObject([{ met: true, counts: RIGHT }]);
      findings.count(["typing"], { ...RIGHT, [fault]: 1 });
      expect(findings.report(["typing"])).toMatchObject([{ met: false, counts: { asked: 100, [fault]: 1 } }]);
    }
  });

  it("say what keeps a goal from being met only where it is not met", () => {
    const findings = new Findings();
    findings.add("ours", { typing: 51, "first-text": 1 });
    findings.note(["typing"], "a note");
    findings.note(["typing"], "a note");
    const rows = findings.report(["typing", "first-text"], "others are busy");
    expect(rows.map(({ note }) => note)).toEqual(["a note; others are busy", ""]);
  });

  it("name what was not measured", () => {
    expect(new Findings().report(["install"])).toMatchObject([{ ours: null, met: null, ratio: null, rounds: 0 }]);
  });
});

describe("the table", () => {
  const findings = new Findings();
  findings.add("floor", { "model-idle-p50": 4.44 });
  findings.add("ours", { "model-idle-p50": 20.25, "statements-idle": 12, "memory-idle": 123.4 });
  findings.count(["model-idle-p50"], { ...RIGHT, lost: 1 });
  const lines = renderTable(findings.report(["model-idle-p50", "statements-idle", "memory-idle", "install"])).split(
    "\n",
  );

  it("has a line for each row, under a head", () => {
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(/^what +goal +floor +ours +ratio +met +lost doubled wrong \/ asked +note$/);
    expect(lines[2]).toMatch(/p50 +≤ floor \+ 8 +4\.44 ms +20\.3 ms +4\.56 +NO +1 0 0 \/ 50$/);
    expect(lines[3]).toMatch(/20\/s +≤ 14 +12 +yes$/);
    expect(lines[4]).toMatch(/idle +≤ 145 +123 MB +yes$/);
    expect(lines[5]).toMatch(/install +≤ 120 +–$/);
  });

  it("keeps its columns under each other", () => {
    const column = lines[0]!.indexOf("goal");
    expect(lines.slice(2).map((line) => line.slice(column, column + 1))).toEqual(["≤", "≤", "≤", "≤"]);
  });
});
