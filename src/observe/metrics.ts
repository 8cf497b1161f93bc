import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { fewValues } from "./few-values.ts";
import { watchProcess } from "./process-metrics.ts";

/** Seconds. Answers of agents take from a blink to minutes. */
const LONG = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300];
const SHORT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * All metrics of one gateway, in a registry of its own. Labels take few values: never a user, session, chat or message;
 * names that others choose (agents, models) are bounded. All times are in seconds. `close` ends the watching of the
 * event loop. `deploy/` has a dashboard and alerts for them.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const few = fewValues();
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Counter<L> =>
    few(new Counter({ name: `parley_${name}`, help, labelNames, registers }));
  const gauge = <L extends string = never>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    few(new Gauge({ name: `parley_${name}`, help, labelNames, registers }));
  const seconds = <L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ): Histogram<L> => few(new Histogram({ name: `parley_${name}_seconds`, help, buckets, labelNames, registers }));
  const watch = watchProcess(registry);

  return {
    updatesReceived: counter("updates_received_total", "Updates read from a platform", "platform", "kind"),
    updatesDuplicate: counter("updates_deduplicated_total", "Updates that had been accepted before", "platform"),
    /** `why`: `access`, `bad_secret`, `unreadable`, `too_large`, `overload` and the like; `not_stored`: it is not acknowledged. */
    updatesRefused: counter("updates_refused_total", "Updates that took no effect", "platform", "why"),
    webhookAck: seconds("webhook_ack", "From a webhook's first byte to its answer", SHORT, "platform"),

    queueWait: seconds("queue_wait", "From the acceptance of a message to the start of its run", SHORT),
    lanesWaiting: gauge("lanes_waiting", "Sessions with work that no replica has claimed"),
    oldestWaiting: gauge("oldest_waiting_seconds", "How long the longest-waiting of these sessions has been due"),
    runsRunning: gauge("runs_running", "Runs of this replica"),
    /** `platform`: where the answer is shown, `api` = nowhere. `outcome`: `completed`, `failed`, `cancelled`, `over_budget`, `agent_off`. */
    runs: counter("runs_total", "Runs that ended", "platform", "agent", "outcome"),
    runDuration: seconds(
      "run_duration",
      "From the start of a run's last attempt to its end",
      LONG,
      "platform",
      "agent",
    ),
    timeToFirstVisible: seconds(
      "time_to_first_visible",
      "From a message's acceptance to its answer's first text",
      LONG,
      "platform",
      "agent",
    ),
    takeovers: counter("takeovers_total", "Runs resumed after their replica was gone"),

    /**
     * `method`: `send`, `edit`, `remove`, `draft`, `typing`, `file`. `result`: `ok`; `rate_limited`; `gone`: there is no
     * such chat or message any more; `failed`: it will be tried again; `refused` for good; `unknown`: perhaps applied.
     */
    deliveryAttempts: counter(
      "delivery_attempts_total",
      "Calls that show something on a platform",
      "platform",
      "method",
      "result",
    ),
    rateLimited: counter("delivery_rate_limited_total", "Answers of a platform to wait", "platform"),
    pagesParked: gauge("pages_parked", "Pages to chats for which a platform asked to wait for over a minute more"),
    uncertainSends: counter(
      "uncertain_sends_total",
      "Posts of which nobody knows whether they were applied",
      "platform",
    ),

    /** Called agents count as well. `outcome`: `completed`, `failed`, `cancelled`, `waiting` for a person, `left`. */
    agentRequests: counter("agent_requests_total", "Turns that an agent was given", "agent", "outcome"),
    agentInFlight: gauge("agent_in_flight", "Turns that an agent is working on in this replica", "agent"),
    agentResting: gauge("agent_resting", "1 = the agent elsewhere is not asked after failures", "agent"),
    /** `outcome`: `finished`, the kind of failure, or `left`: nobody waited for the end. */
    modelRequests: counter("model_requests_total", "Requests to a model", "outcome"),
    /** `why`: the database (`store`) or the collector (`otlp`) did not take them. */
    spansLost: counter("trace_spans_lost_total", "Spans of traces that were given up", "why"),
    modelFallbacks: counter("model_fallbacks_total", "Runs for which another model had to answer", "agent"),
    providerResting: gauge("provider_resting", "1 = the model provider is not asked after failures", "provider"),
    /** `provider`: `none` = a model that an agent elsewhere tells of. `direction`: `input`, `output`. */
    tokens: counter("tokens_total", "Tokens as the model's server counted them", "provider", "model", "direction"),
    cost: counter("cost_usd_total", "What the tokens of models with a price cost, in dollars", "agent", "model"),
    /** `scope`: whose budget was used up: `person`, `place`, `agent`, `key`, `gateway`. */
    budgetRefusals: counter("budget_refusals_total", "Turns that no model was asked for", "scope"),

    /** `platform`: where it was given; `rating`: `up`, `down`. */
    feedback: counter("feedback_total", "Votes on answers, changed ones included", "platform", "agent", "rating"),

    housekeepingDeleted: counter("housekeeping_deleted_total", "Old rows this replica deleted", "table"),
    dbUp: gauge("db_up", "1 = the database answers"),
    dbPoolInUse: gauge("db_pool_in_use", "Connections of this replica that work"),
    dbPoolWaiting: gauge("db_pool_waiting", "Statements and transactions that wait for a connection"),
    platformUp: gauge("platform_up", "0 = this replica does not get through to the platform", "platform"),
    rowRefusals: counter("row_refusals_total", "Calls of the API that row-level security refused; each shows a bug"),
    loopRestarts: counter("loop_restarts_total", "Loops that threw and were started again", "loop"),
    housekept: gauge(
      "housekeeping_last_success_timestamp_seconds",
      "When any replica last looked everything through for what is stale, since the epoch",
    ),

    contentType: registry.contentType,
    /** The exposition text for a scrape. */
    render: (): Promise<string> => registry.metrics(),
    close: (): void => watch.close(),
  };
}
