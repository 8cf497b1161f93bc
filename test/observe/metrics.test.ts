import { setTimeout } from "node:timers/promises";
import { register } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";

const opened: Metrics[] = [];
afterEach(() => opened.splice(0).forEach((metrics) => metrics.close()));

function open(): Metrics {
  const metrics = createMetrics();
  opened.push(metrics);
  return metrics;
}

/** The samples of a scrape by name and labels. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

describe("the metrics", () => {
  it("count what happened, by label", async () => {
    const metrics = open();
    metrics.updatesReceived.inc({ platform: "telegram", kind: "message" });
    metrics.runs.inc({ platform: "slack", agent: "helper", outcome: "completed" }, 2);
    metrics.tokens.inc({ provider: "p", model: "m", direction: "output" }, 512);
    metrics.takeovers.inc();
    metrics.platformUp.set({ platform: "telegram" }, 1);
    const samples = await scrape(metrics);
    expect(samples.get('parley_updates_received_total{platform="telegram",kind="message"}')).toBe(1);
    expect(samples.get('parley_runs_total{platform="slack",agent="helper",outcome="completed"}')).toBe(2);
    expect(samples.get('parley_tokens_total{provider="p",model="m",direction="output"}')).toBe(512);
    expect(samples.get("parley_takeovers_total")).toBe(1);
    expect(samples.get('parley_platform_up{platform="telegram"}')).toBe(1);
    expect(samples.get("parley_db_up")).toBe(0);
  });

  it("measure times in seconds, from blinks to minutes", async () => {
    const metrics = open();
    metrics.runDuration.observe({ platform: "slack", agent: "helper" }, 45);
    metrics.timeToFirstVisible.observe({ platform: "slack", agent: "helper" }, 0.2);
    metrics.queueWait.observe(0.004);
    const samples = await scrape(metrics);
    expect(samples.get('parley_run_duration_seconds_bucket{le="30",platform="slack",agent="helper"}')).toBe(0);
    expect(samples.get('parley_run_duration_seconds_bucket{le="60",platform="slack",agent="helper"}')).toBe(1);
    expect(samples.get('parley_time_to_first_visible_seconds_bucket{le="0.25",platform="slack",agent="helper"}')).toBe(
      1,
    );
    expect(samples.get('parley_queue_wait_seconds_bucket{le="0.005"}')).toBe(1);
  });

  it("of two gateways in one process share nothing", async () => {
    const [one, other] = [open(), open()];
    one.takeovers.inc();
    expect((await scrape(one)).get("parley_takeovers_total")).toBe(1);
    expect((await scrape(other)).get("parley_takeovers_total")).toBe(0);
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it("have labels of few values only", async () => {
    const text = await open().render();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) expect(name).toMatch(/^(parley_|process_|nodejs_)[a-z_0-9]+$/);
    const few = [
      "table",
      "platform",
      "kind",
      "why",
      "agent",
      "outcome",
      "method",
      "result",
      "model",
      "direction",
      "loop",
      "provider",
      "scope",
      "rating",
    ];
    const metrics = Object.values(open()).filter((value) => typeof value === "object");
    expect(metrics.length).toBeGreaterThan(15);
    for (const metric of metrics) {
      const { labelNames } = metric as unknown as { labelNames: string[] };
      expect(few).toEqual(expect.arrayContaining(labelNames));
    }
  });

  it("tell apart the first names of a label alone, and no long ones", async () => {
    const metrics = open();
    for (let n = 0; n < 300; n++) metrics.agentRequests.inc({ agent: `agent ${n}`, outcome: "completed" });
    metrics.cost.inc({ agent: "agent 250", model: "x".repeat(101) }, 0.5);
    metrics.agentInFlight.inc({ agent: "agent 299" });
    metrics.agentInFlight.dec({ agent: "agent 299" });
    metrics.runDuration.observe({ platform: "api", agent: "agent 199" }, 1);
    const samples = await scrape(metrics);
    const requests = [...samples.keys()].filter((name) => name.startsWith("parley_agent_requests_total"));
    expect(requests).toHaveLength(201);
    expect(samples.get('parley_agent_requests_total{agent="other",outcome="completed"}')).toBe(100);
    expect(samples.get('parley_cost_usd_total{agent="other",model="other"}')).toBe(0.5);
    expect(samples.get('parley_agent_in_flight{agent="other"}')).toBe(0);
    expect(samples.get('parley_run_duration_seconds_count{platform="api",agent="agent 199"}')).toBe(1);
  });

  it("say how the process is, and how late its event loop was since the last scrape", async () => {
    const metrics = open();
    // A stall is seen between two ticks of the watching timer, so it is given time for one before and after.
    const lagOfStall = async () => {
      await setTimeout(40);
      const until = performance.now() + 120;
      while (performance.now() < until);
      await setTimeout(40);
      return (await scrape(metrics)).get("nodejs_eventloop_lag_max_seconds");
    };
    await expect.poll(lagOfStall).toBeGreaterThan(0.05);
    const samples = await scrape(metrics);
    expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(samples.get("nodejs_heap_size_used_bytes")).toBeGreaterThan(1e6);
    expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0.01);
    expect(samples.get("process_start_time_seconds")).toBeCloseTo(performance.timeOrigin / 1000, 0);
  });

  it("are served as Prometheus text", () => {
    expect(open().contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  });
});
