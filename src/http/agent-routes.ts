import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { AgentCard } from "../agent/agent-card.ts";
import type { AgentHealth } from "../agent/outside-runner.ts";
import { type AgentRecord, cardOf, type RegisteredAgents } from "../agent/registered-agents.ts";
import type { Tried } from "../agent/try-agent.ts";
import { GatewayError } from "../errors.ts";
import {
  agentActivity,
  deleteAgentRecord,
  insertAgentRecord,
  listAgentRecords,
  putAgentRecord,
} from "../store/agent-records.ts";
import { audit } from "../store/audit.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import { AgentJson, toAgentJson } from "./agent-json.ts";
import type { Api } from "./api.ts";
import { principalOf } from "./authenticate.ts";

/** A test call's. */
const TEST_MS = 25_000;
const EVERYTHING = { kind: "all" } as const;
/** Of the gateway's keys and its providers' none may be carried to an address that comes over the API. */
const VARIABLE = /^(?:[A-Za-z]+ )?\$\{AGENT_[A-Z0-9_]+\}$/;

export interface AgentRouteParts {
  db: Root;
  registered: RegisteredAgents;
  /** Variables that hold secrets of registered agents. */
  lookup: (name: string) => string | undefined;
  healthOf: (agent: string) => AgentHealth | null;
  tryAgent: (card: AgentCard, text: string, signal: AbortSignal) => Promise<Tried>;
}

const Secret = Type.String({
  pattern: VARIABLE.source,
  description: "${AGENT_…}: the variable of the environment that holds it; the value itself is refused",
});
const Limit = Type.Optional(Type.Number());
const Limits = Type.Object(
  { first_token_sec: Limit, idle_sec: Limit, total_sec: Limit, running: Limit, waiting: Limit },
  { additionalProperties: false },
);
const Description = Type.String({ maxLength: 1_000 });

const NewAgentBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 57 }),
    url: Type.String({ maxLength: 2_000, description: "Of a server that speaks OpenAI's chat completions" }),
    allow_http: Type.Optional(Type.Boolean({ description: "The address may be unencrypted" })),
    description: Type.Optional(Description),
    key: Type.Optional(Secret),
    headers: Type.Optional(Type.Record(Type.String(), Secret)),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    history: Type.Optional(Type.Union([Type.Literal("gateway"), Type.Literal("agent")])),
    session_field: Type.Optional(Type.String({ maxLength: 100 })),
    session_header: Type.Optional(Type.String({ maxLength: 100 })),
    images: Type.Optional(Type.Boolean()),
    limits: Type.Optional(Limits),
  },
  { additionalProperties: false },
);
const ChangeBody = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    description: Type.Optional(Description),
    limits: Type.Optional(Limits),
  },
  { additionalProperties: false, minProperties: 1 },
);
const AgentParams = Type.Object({ name: Type.String() });

/** The agents, and what operators do about them without touching files. All replicas know within seconds. */
export function agentRoutes(app: Api, parts: AgentRouteParts): void {
  const { db, registered, healthOf } = parts;

  async function show(request: FastifyRequest): Promise<Static<typeof AgentJson>[]> {
    const forOperator = principalOf(request).bound.kind === "operator";
    const agents = registered.all().filter(({ card }) => forOperator || !card.off);
    if (!forOperator) return agents.map((agent) => toAgentJson(agent, null));
    const activity = await withReach(db, EVERYTHING, agentActivity);
    return agents.map((agent) => {
      const { name } = agent.card;
      return toAgentJson(agent, { health: healthOf(name), activity: activity.find((each) => each.agent === name) });
    });
  }

  async function showOne(request: FastifyRequest, name: string): Promise<Static<typeof AgentJson>> {
    const found = (await show(request)).find((agent) => agent.name === name);
    if (!found) throw new GatewayError("not_found", "There is no such agent.");
    return found;
  }

  app.route({
    method: "GET",
    url: "/v1/agents",
    config: { scope: "agents:read" },
    schema: { summary: "List agents", response: { 200: Type.Object({ agents: Type.Array(AgentJson) }) } },
    handler: async (request) => ({ agents: await show(request) }),
  });

  app.route({
    method: "GET",
    url: "/v1/agents/:name",
    config: { scope: "agents:read" },
    schema: { summary: "Read an agent", params: AgentParams, response: { 200: AgentJson } },
    handler: async (request) => showOne(request, request.params.name),
  });

  app.route({
    method: "POST",
    url: "/v1/agents",
    config: { scope: "agents:write" },
    schema: {
      summary: "Register an agent that runs elsewhere",
      body: NewAgentBody,
      response: { 201: AgentJson },
    },
    handler: async (request, reply) => {
      const { name, description = "", limits = {}, allow_http: plain = false, ...remote } = request.body;
      if (registered.get(name)) throw new GatewayError("conflict", "An agent has this name.");
      expectSecure(remote.url, plain);
      const record = { name, enabled: true, description, remote, limits };
      await expectWhole(record, parts.lookup);
      const isNew = await withReach(db, EVERYTHING, async (trx) => {
        if (!(await insertAgentRecord(trx, record))) return false;
        await audit(trx, principalOf(request), { action: "agent.register", target: name, detail: { url: remote.url } });
        return true;
      });
      if (!isNew) throw new GatewayError("conflict", "An agent has this name.");
      await registered.reload();
      return reply.code(201).send(await showOne(request, name));
    },
  });

  app.route({
    method: "PATCH",
    url: "/v1/agents/:name",
    config: { scope: "agents:write" },
    schema: {
      summary: "Switch an agent on or off, or change one that was registered",
      params: AgentParams,
      body: ChangeBody,
      response: { 200: AgentJson },
    },
    handler: async (request) => {
      const { name } = request.params;
      const { enabled, ...rest } = request.body;
      const shown = await showOne(request, name);
      if (!shown.registered && Object.keys(rest).length > 0) {
        throw new GatewayError(
          "conflict",
          "This agent stands in a file; change it there. Here it is switched on or off.",
        );
      }
      await withReach(db, EVERYTHING, async (trx) => {
        const known = (await listAgentRecords(trx)).find((record) => record.name === name);
        const before = known ?? { name, enabled: true, description: "", remote: null, limits: {} };
        const next = { ...before, ...rest, ...(enabled === undefined ? {} : { enabled }) };
        if (next.remote !== null) await expectWhole(next, parts.lookup);
        await putAgentRecord(trx, next);
        const detail = { fields: Object.keys(request.body), enabled: next.enabled };
        await audit(trx, principalOf(request), { action: "agent.change", target: name, detail });
      });
      await registered.reload();
      return showOne(request, name);
    },
  });

  app.route({
    method: "DELETE",
    url: "/v1/agents/:name",
    config: { scope: "agents:write" },
    schema: {
      summary: "Take back a registration; talks with the agent go on with the default one",
      params: AgentParams,
      response: { 204: Type.Null() },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const shown = await showOne(request, name);
      if (!shown.registered) throw new GatewayError("conflict", "This agent stands in a file; remove it there.");
      const deleted = await withReach(db, EVERYTHING, async (trx) => {
        const done = await deleteAgentRecord(trx, name);
        if (done) await audit(trx, principalOf(request), { action: "agent.delete", target: name });
        return done;
      });
      if (!deleted) throw new GatewayError("not_found", "There is no such agent.");
      await registered.reload();
      return reply.code(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: "/v1/agents/:name/test",
    config: { scope: "agents:write" },
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Ask an agent once, without tools; nothing of it is kept",
      description: "It is asked also while it is switched off. What it uses counts for no budget.",
      params: AgentParams,
      body: Type.Object(
        { text: Type.Optional(Type.String({ minLength: 1, maxLength: 4_000 })) },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          ok: Type.Boolean(),
          text: Type.String({ description: "The beginning of its answer" }),
          code: Type.Union([Type.String(), Type.Null()]),
          message: Type.Union([Type.String(), Type.Null()]),
          ms: Type.Integer(),
        }),
      },
    },
    handler: async (request) => {
      const { name } = request.params;
      const card = registered.get(name);
      if (!card) throw new GatewayError("not_found", "There is no such agent.");
      const { off: _off, ...asked } = card;
      await withReach(db, EVERYTHING, (trx) =>
        audit(trx, principalOf(request), { action: "agent.test", target: name }),
      );
      const startedAt = performance.now();
      const signal = AbortSignal.timeout(TEST_MS);
      const tried = await parts.tryAgent(asked, request.body.text ?? "Say hello in one word.", signal);
      return { ...tried, ms: Math.round(performance.now() - startedAt) };
    },
  });
}

/** Throws `invalid`. */
function expectSecure(url: string, plain: boolean): void {
  if (!URL.canParse(url)) throw new GatewayError("invalid", "url is no address.");
  if (new URL(url).protocol === "https:" || plain) return;
  throw new GatewayError("invalid", "url: must begin with https, or allow_http be true.");
}

/** Throws `invalid` with all faults. */
async function expectWhole(record: AgentRecord, lookup: (name: string) => string | undefined): Promise<void> {
  const { faults } = await cardOf(record, lookup);
  if (faults.length > 0) throw new GatewayError("invalid", faults.join("; "));
}
