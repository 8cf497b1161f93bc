import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { Lab } from "./lab.ts";
import { describeMachine, type Machine, type Surroundings, watchMachine } from "./machine.ts";
import { Findings, renderTable, type ReportRow } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { accept } from "./scenarios/accept.ts";
import { embedded } from "./scenarios/embedded.ts";
import { install } from "./scenarios/install.ts";
import { page } from "./scenarios/page.ts";
import { replicas } from "./scenarios/replicas.ts";
import { start } from "./scenarios/start.ts";
import { stop } from "./scenarios/stop.ts";
import { streams } from "./scenarios/streams.ts";
import { takeover } from "./scenarios/takeover.ts";
import { feedback } from "./scenarios/feedback.ts";
import { window } from "./scenarios/window.ts";
import { messagePath } from "./scenarios/message-path.ts";

const SCENARIOS: readonly Scenario[] = [
  messagePath,
  embedded,
  streams,
  accept,
  stop,
  takeover,
  window,
  feedback,
  page,
  start,
  install,
  replicas,
];
/** Above this share of the machine, other programs are named as a cause. */
const BUSY_SHARE = 0.1;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    rounds: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    statements: { type: "boolean", default: false },
    "cpu-prof": { type: "string" },
  },
});

async function main(): Promise<void> {
  const chosen = values.only ? SCENARIOS.filter(({ name }) => values.only?.includes(name)) : SCENARIOS;
  if (chosen.length === 0) throw new Error(`--only takes ${SCENARIOS.map(({ name }) => name).join(", ")}`);
  const profile = values["cpu-prof"];
  await using lab = await Lab.open({
    rounds: values.quick ? 1 : Math.max(1, Number(values.rounds)),
    quick: values.quick,
    statements: values.statements,
    nodeFlags: profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`],
  });
  const machine = describeMachine();
  const load: [before: number, after: number] = [loadavg()[0] ?? 0, 0];
  const rows: ReportRow[] = [];
  const around: Record<string, Surroundings> = {};
  for (const scenario of chosen) {
    const findings = new Findings();
    const watched = watchMachine();
    await scenario.run(lab, findings).catch((error: unknown) => {
      process.exitCode = 1;
      findings.note(scenario.rows, `failed: ${error instanceof Error ? error.message.split("\n")[0] : "unknown"}`);
      process.stderr.write(`${scenario.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    });
    const seen = watched();
    around[scenario.name] = seen;
    const isBusy = seen.othersShare > BUSY_SHARE;
    rows.push(...findings.report(scenario.rows, isBusy ? `others used ${percent(seen.othersShare)} meanwhile` : ""));
    process.stderr.write(`${scenario.name}: ${seen.seconds.toFixed(1)} s\n`);
  }
  load[1] = loadavg()[0] ?? 0;
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, load, around, rows }, null, 2)}\n`);
  else process.stdout.write(`${describe(machine, load, around)}\n\n${renderTable(rows)}\n`);
}

function describe(machine: Machine, load: readonly [number, number], around: Record<string, Surroundings>): string {
  const { node, cores, cpu, fsyncMs } = machine;
  const scenarios = Object.entries(around).map(([name, { seconds, othersShare, processes }]) => {
    const counts = Object.entries(processes).map(([program, count]) => `${count} ${program}`);
    return `  ${name}: ${seconds.toFixed(0)} s, others used ${percent(othersShare)}, at most ${counts.join(", ")}`;
  });
  return [
    `node ${node}, ${cores} cores (${cpu}), load ${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after`,
    `Postgres with fsync on; an fdatasync of 8 kB takes ${fsyncMs.p50.toFixed(2)} ms, p99 ${fsyncMs.p99.toFixed(2)} ms`,
    "measured is the gateway's process alone; beside it: Postgres, the fake model, and a driver with the fake Telegram",
    ...scenarios,
  ].join("\n");
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

// The lab ends what it started when this process exits, which a signal alone would not tell it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await main();
