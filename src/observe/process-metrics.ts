import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "prom-client";

/** One native timer every 20 ms: the whole cost while nobody asks (about 0.3 % of a core). */
const RESOLUTION_MS = 20;

/**
 * The process's own metrics under the names dashboards know. prom-client's default set is not used: its watchers of
 * the event loop and the garbage collector cannot be ended, and so would outlive their gateway.
 */
export function watchProcess(registry: Registry): { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const gauge = (name: string, help: string, read: () => number): void => {
    void new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  // What is measured is the time between two ticks of the timer, so punctual ones show its own interval.
  const late = (ns: number): number => (delay.count === 0 ? 0 : Math.max(0, ns / 1e6 - RESOLUTION_MS) / 1000);

  void new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the process",
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge("process_start_time_seconds", "Start of the process, since the epoch", () => performance.timeOrigin / 1000);
  gauge("process_resident_memory_bytes", "Resident memory of the process", () => process.memoryUsage.rss());
  gauge("nodejs_heap_size_used_bytes", "Heap in use", () => process.memoryUsage().heapUsed);
  gauge("nodejs_eventloop_lag_mean_seconds", "Lag since the last scrape, mean", () => late(delay.mean));
  gauge("nodejs_eventloop_lag_p99_seconds", "Lag since the last scrape, p99", () => late(delay.percentile(99)));
  // Metrics are read in the order of their making, so the last one ends the interval for all.
  gauge("nodejs_eventloop_lag_max_seconds", "Lag since the last scrape, maximum", () => {
    const longest = late(delay.max);
    delay.reset();
    return longest;
  });
  return { close: () => void delay.disable() };
}
