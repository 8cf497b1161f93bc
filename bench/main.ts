import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync, closeSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Lab } from "./lab.ts";
import { machineCpu } from "./proc.ts";
import { Findings, renderTable, type ReportRow } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { accept } from "./scenarios/accept.ts";
import { embedded } from "./scenarios/embedded.ts";
import { install } from "./scenarios/install.ts";
import { replicas } from "./scenarios/replicas.ts";
import { start } from "./scenarios/start.ts";
import { stop } from "./scenarios/stop.ts";
import { streams } from "./scenarios/streams.ts";
import { takeover } from "./scenarios/takeover.ts";
import { window } from "./scenarios/window.ts";
import { messagePath } from "./scenarios/message-path.ts";
import { percentile } from "./statistics.ts";

const SCENARIOS: readonly Scenario[] = [
  messagePath,
  embedded,
  streams,
  accept,
  stop,
  takeover,
  window,
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
  const environment = describeMachine();
  const rows: ReportRow[] = [];
  for (const scenario of chosen) {
    const startedAt = performance.now();
    const before = machineCpu();
    const findings = new Findings();
    await scenario.run(lab, findings).catch((error: unknown) => {
      process.exitCode = 1;
      findings.note(scenario.rows, `failed: ${error instanceof Error ? error.message.split("\n")[0] : "unknown"}`);
      process.stderr.write(`${scenario.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    rows.push(...findings.report(scenario.rows, describeOthers(before, seconds)));
    process.stderr.write(`${scenario.name}: ${seconds.toFixed(1)} s\n`);
  }
  const text = { ...environment, loadAfter: loadavg()[0] };
  if (values.json) process.stdout.write(`${JSON.stringify({ environment: text, rows }, null, 2)}\n`);
  else process.stdout.write(`${describe(text)}\n\n${renderTable(rows)}\n`);
}

function describeMachine() {
  const { p50, p99 } = fsyncLatency();
  return {
    node: process.version,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    fsync: "on",
    fsyncMs: { p50, p99 },
    processes:
      "1 gateway (2 where it says two replicas), 1 Postgres with its backends, 1 fake model, 1 driver with the fake Telegram",
    loadBefore: loadavg()[0],
  };
}

function describe(machine: ReturnType<typeof describeMachine> & { loadAfter: number | undefined }): string {
  const { fsyncMs, loadBefore = 0, loadAfter = 0 } = machine;
  return [
    `node ${machine.node}, ${machine.cores} cores (${machine.cpu}), load ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`,
    `Postgres with fsync ${machine.fsync}; one fdatasync of 8 kB here: p50 ${fsyncMs.p50.toFixed(2)} ms, p99 ${fsyncMs.p99.toFixed(2)} ms`,
    `processes: ${machine.processes}; what is measured is the gateway's alone`,
  ].join("\n");
}

/** What a commit waits for, on the disk of the temporary files, where Postgres writes too. */
function fsyncLatency(): { p50: number; p99: number } {
  const folder = mkdtempSync(path.join(tmpdir(), "parley-fsync-"));
  const file = openSync(path.join(folder, "file"), "w");
  const page = Buffer.alloc(8192, 1);
  const took = Array.from({ length: 200 }, () => {
    const startedAt = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return { p50: percentile(took, 50), p99: percentile(took, 99) };
}

/** "" unless others used enough of the machine to be a cause. */
function describeOthers(before: ReturnType<typeof machineCpu>, seconds: number): string {
  const now = machineCpu();
  const othersMs = now.allMs - before.allMs - (now.oursMs - before.oursMs);
  const share = othersMs / (seconds * 1000 * availableParallelism());
  return share > BUSY_SHARE ? `other programs used ${Math.round(share * 100)} % of the machine meanwhile` : "";
}

await main();
