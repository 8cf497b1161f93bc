import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { watchProcess } from "./process-metrics.ts";

/** Seconds. Answers of agents take from a blink to minutes. */
const LONG = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300];
const SHORT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * All metrics of one gateway, in a registry of its own. Labels take few values: never a user, session, chat or message.
 * All times are in seconds. `close` ends the watching of the event loop.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    new Counter({ name: `parley_${name}`, help, labelNames, registers });
  const gauge = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ name: `parley_${name}`, help, labelNames, registers });
  const seconds = <L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ): Histogram<L> => new Histogram({ name: `parley_${name}_seconds`, help, buckets, labelNames, registers });
  const watch = watchProcess(registry);

  return {
    updatesReceived: counter("updates_received_total", "Updates read from a platform", "platform", "kind"),
    updatesDuplicate: counter("updates_duplicate_total", "Updates that had been accepted before", "platform"),
    /** `why`: `access`, `bad_secret`, `unreadable`, `too_large`, `overload` and the like. */
    updatesRefused: counter("updates_refused_total", "Updates that took no effect", "platform", "why"),
    webhookAck: seconds("webhook_ack", "From a webhook's first byte to its answer", SHORT, "platform"),

    queueWait: seconds("queue_wait", "From the acceptance of a message to the start of its run", SHORT),
    lanesWaiting: gauge("lanes_waiting", "Sessions with work that no replica has claimed"),
    runsRunning: gauge("runs_running", "Runs of this replica"),
    /** `outcome`: `completed`, `failed`, `cancelled`. */
    runs: counter("runs_total", "Runs that ended", "agent", "outcome"),
    runDuration: seconds("run_duration", "From the start of a run's last attempt to its end", LONG, "agent"),
    timeToFirstVisible: seconds(
      "time_to_first_visible",
      "From a message's acceptance to its answer's first text",
      LONG,
    ),
    takeovers: counter("takeovers_total", "Runs resumed after their replica was gone"),

    /** `method`: `send`, `edit`, `remove`, `typing`, `file`. `result`: `ok`, `refused`, `rate_limited`, `unknown`. */
    sends: counter("sends_total", "Calls that show something on a platform", "platform", "method", "result"),
    rateLimited: counter("rate_limited_total", "Answers of a platform to wait", "platform"),
    pagesParked: gauge("pages_parked", "Pages to chats for which a platform asked to wait for over a minute more"),
    uncertainSends: counter("uncertain_sends_total", "Posts of which nobody knows whether they were applied"),

    /** `outcome`: `finished`, the kind of failure, or `left`: nobody waited for the end. */
    modelRequests: counter("model_requests_total", "Requests to a model", "outcome"),
    modelFallbacks: counter("model_fallbacks_total", "Runs for which another model had to answer", "agent"),
    providerResting: gauge("provider_resting", "1 = the model provider is not asked after failures", "provider"),
    /** `direction`: `input`, `output`. */
    tokens: counter("tokens_total", "Tokens as the model's server counted them", "model", "direction"),
    /** `scope`: whose budget was used up: `person`, `place`, `agent`, `gateway`. */
    budgetRefusals: counter("budget_refusals_total", "Turns that no model was asked for", "scope"),
    cost: counter("cost_dollars_total", "What the tokens of models with a price cost", "model"),

    dbUp: gauge("db_up", "1 = the database answers"),
    platformUp: gauge("platform_up", "0 = this replica does not get through to the platform", "platform"),
    loopRestarts: counter("loop_restarts_total", "Loops that threw and were started again", "loop"),

    contentType: registry.contentType,
    /** The exposition text for a scrape. */
    render: (): Promise<string> => registry.metrics(),
    close: (): void => watch.close(),
  };
}
