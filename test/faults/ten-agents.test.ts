import { readdir } from "node:fs/promises";
import { expect, it } from "vitest";
import { openStores } from "../../packages/store-client/src/index.ts";
import { startBaseAgent } from "../fakes/base-agent.ts";
import { Stage } from "../support/chaos/stage.ts";
import { ADMIN_KEY, type GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/test-gateway.ts";

const WRITERS = Array.from({ length: 10 }, (_, no) => `writer${no}`);
const ROUNDS = 10;
/** The pool of a replica, and the one connection that listens. */
const CONNECTIONS = 10 + 1;

it("ten agents that write at two replicas share one pool each, one set of migrations and one housekeeping", async () => {
  const stage = await Stage.open();
  await using far = await startBaseAgent();
  // Side by side on an empty database: one of them migrates.
  const [{ process: a }, { process: b }] = await Promise.all([stage.start("a"), stage.start("b")]);
  expect((await a.api("POST", "/v1/agents", { name: "far", url: far.url, allow_http: true })).status).toBe(201);

  const watch = countConnections(stage);
  await Promise.all(WRITERS.map((agent, no) => write([a, b], agent, no)));
  const most = await watch.end();
  expect(most).toBeGreaterThan(2);
  expect(most).toBeLessThanOrEqual(2 * CONNECTIONS);

  const files = await readdir(new URL("../../migrations", import.meta.url));
  const applied = await stage.rows<{ name: string }>("select name from kysely_migration order by name");
  expect(applied.map(({ name }) => `${name}.ts`)).toEqual(files.toSorted());
  const replicas = await stage.rows<{ id: string }>("select id from replicas");
  expect(replicas).toHaveLength(2);
  const holder = async (at: GatewayProcess) => (await at.api("GET", "/v1/housekeeping")).body.holder as string | null;
  await until("somebody keeps house", async () => (await holder(a)) !== null);
  const seen = await Promise.all([a, b].map(holder));
  expect(replicas.map(({ id }) => id)).toContain(seen[0]);
  expect(seen[1]).toBe(seen[0]);

  // What people did not like this week, of an agent here, one elsewhere and one that stores its own: one question.
  for (const agent of ["demo", "far"]) await dislike(a, agent);
  const bad = await ask<{ agent_id: string; rating: number; session_id: string }[]>(
    b,
    "/v1/feedback?rating=-1&since=7d&limit=1000",
  );
  expect(new Set(bad.map(({ rating }) => rating))).toEqual(new Set([-1]));
  const counts = new Map<string, number>();
  for (const { agent_id: agent } of bad) counts.set(agent, (counts.get(agent) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    ...Object.fromEntries(WRITERS.map((agent) => [agent, ROUNDS])),
    demo: 1,
    far: 1,
  });
  const { sessions } = await ask<{ sessions: { agent: string }[] }>(b, "/v1/sessions?limit=100&agent_id=writer3");
  expect(sessions).toHaveLength(ROUNDS);
  expect(await ask<unknown[]>(a, "/v1/traces?limit=1000&agent_id=writer3")).toHaveLength(ROUNDS);
});

/** What one agent of a team stores with its key: talks, what it did in them, and what somebody thought of each. */
async function write(replicas: [GatewayProcess, GatewayProcess], agent: string, no: number): Promise<void> {
  const made = await replicas[0].api("POST", "/v1/keys", { name: agent, agent });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const stores = await Promise.all(replicas.map(({ url }) => openStores({ url, key: made.body.key as string })));
  for (let round = 0; round < ROUNDS; round += 1) {
    const { sessions, traces, feedback } = stores[round % 2]!;
    const session = await sessions.create(`talk-${round}`);
    const said = [
      { role: "user", content: `Is anybody there, ${round}?` },
      { role: "assistant", content: "Nobody." },
    ];
    await sessions.save(session, said);
    const trace = `${no}${round}`.padStart(32, "a");
    const at = new Date().toISOString();
    await traces.write({ trace_id: trace, session_id: session, started_at: at, ended_at: at, status: "ok", spans: [] });
    await feedback.add({ rating: -1, session, trace, comment: "No help." });
    expect(await sessions.load(session)).toMatchObject(said);
  }
}

/** A person asks an agent of the gateway, and does not like the answer. */
async function dislike(gateway: GatewayProcess, agent: string): Promise<void> {
  const { body: session } = await gateway.api("POST", "/v1/sessions", { agent });
  const path = `/v1/sessions/${session.session_id as string}`;
  await gateway.api("POST", `${path}/messages`, { text: "hello" });
  const answer = async () =>
    (await gateway.api("GET", path)).body.messages.find(({ role }: { role: string }) => role === "assistant");
  await until(`${agent} has answered`, async () => (await answer()) !== undefined);
  const { run_id: run } = await answer();
  const told = await gateway.api("POST", "/v1/feedback", { rating: -1, run_id: run, session_id: session.session_id });
  expect(told.status, JSON.stringify(told.body)).toBe(201);
}

/** As an operator, who reaches everything. */
async function ask<T>(gateway: GatewayProcess, path: string): Promise<T> {
  const answer = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  return (await answer.json()) as T;
}

/** Looks how many connections the replicas hold, until its end. */
function countConnections(stage: Stage): { end(): Promise<number> } {
  let over = false;
  let most = 0;
  const looked = until(
    "the end",
    async () => {
      const [row] = await stage.rows<{ held: string }>(
        // The server's own workers look in too, to clean up.
        "select count(*) as held from pg_stat_activity where datname = current_database() " +
          "and backend_type = 'client backend' and pid <> pg_backend_pid()",
      );
      most = Math.max(most, Number(row!.held));
      return over;
    },
    120_000,
  );
  return {
    async end() {
      over = true;
      await looked;
      return most;
    },
  };
}
