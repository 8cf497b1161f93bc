import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { RegisteredAgents } from "../agent/registered-agents.ts";
import { GatewayError } from "../errors.ts";
import { actorOf, audit } from "../store/audit.ts";
import { type CardVersion, insertCardVersion, listCardVersions } from "../store/card-versions.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";
import { operatorOf, principalOf } from "./authenticate.ts";

const EVERYTHING = { kind: "all" } as const;
const MAX_TEXT = 256 * 1024;
const NONE: Omit<CardVersion, "at"> = { no: 0, text: null, author: "", note: "" };

const Source = Type.Union([Type.Literal("file"), Type.Literal("edited")]);
const Version = Type.Object({
  no: Type.Integer(),
  source: Source,
  author: Type.String(),
  note: Type.String(),
  at: Type.String(),
});
const CardJson = Type.Object({
  name: Type.String(),
  file: Type.String(),
  version: Type.Integer({ description: "0 = nobody has edited it" }),
  source: Source,
  text: Type.String(),
  faults: Type.Array(Type.String(), { description: "Why the file counts although it was edited, on this replica" }),
  versions: Type.Array(Version, { description: "Newest first, 100 at most" }),
});
const Note = Type.Optional(Type.String({ maxLength: 500 }));
const EditBody = Type.Object(
  { text: Type.String({ maxLength: MAX_TEXT }), note: Note },
  { additionalProperties: false },
);
const RevertBody = Type.Object(
  { to: Type.Integer({ minimum: 0, description: "A version; 0 = the file" }), note: Note },
  { additionalProperties: false },
);
const AgentParams = Type.Object({ name: Type.String() });
const IfMatch = Type.Object({
  "if-match": Type.String({ maxLength: 100, description: "The card's ETag: 412 if it has changed since" }),
});

/** Cards that operators edit. What only who owns the machine may grant stays as the file has it; see beyond-file.ts. */
export function cardRoutes(app: Api, db: Root, agents: RegisteredAgents): void {
  /** The name of the agent's file. Throws `not_found`, and `conflict` for one without a file. */
  function fileOf(name: string): string {
    const card = agents.get(name);
    if (!card) throw new GatewayError("not_found", "There is no such agent.");
    if (card.file === undefined) throw new GatewayError("conflict", "This agent has no card.");
    return card.file;
  }

  async function read(file: string) {
    const versions = await withReach(db, EVERYTHING, (trx) => listCardVersions(trx, file));
    const { no, text: edited } = versions[0] ?? NONE;
    const text = edited ?? (await agents.textOfFile(file));
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
    return { no, edited, text, versions, etag: `"${no}-${digest}"` };
  }

  async function show(name: string, file: string): Promise<{ etag: string; json: Static<typeof CardJson> }> {
    const { no, edited, text, versions, etag } = await read(file);
    const json = {
      name,
      file,
      version: no,
      source: sourceOf(edited),
      text,
      faults: edited === null ? [] : [...(await agents.faultsOfEdit(file, edited))],
      versions: versions.map(({ text: ofThen, at, ...version }) => ({
        ...version,
        source: sourceOf(ofThen),
        at: at.toISOString(),
      })),
    };
    return { etag, json };
  }

  /** Text null = back to the file. */
  async function write(request: FastifyRequest, file: string, name: string, text: string | null, note: string) {
    const { no, etag } = await read(file);
    if (request.headers["if-match"]?.trim() !== etag) throw changed();
    const faults = text === null ? [] : await agents.faultsOfEdit(file, text);
    if (faults.length > 0) throw new GatewayError("invalid", faults.join("; "));
    const principal = principalOf(request);
    await withReach(db, EVERYTHING, async (trx) => {
      const version = { no: no + 1, text, author: actorOf(principal), note };
      if (!(await insertCardVersion(trx, file, version))) throw changed();
      const detail = { file, version: no + 1, source: sourceOf(text) };
      await audit(trx, principal, { action: "agent.card", target: name, detail });
    });
    await agents.reload();
  }

  async function textOf(file: string, no: number): Promise<string | null> {
    if (no === 0) return null;
    const { versions } = await read(file);
    const version = versions.find((each) => each.no === no);
    if (!version) throw new GatewayError("not_found", "There is no such version.");
    return version.text;
  }

  app.route({
    method: "GET",
    url: "/v1/agents/:name/card",
    config: { scope: "agents:read" },
    preValidation: expectOperator,
    schema: {
      summary: "Read an agent's card and who has edited it",
      params: AgentParams,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const { etag, json } = await show(name, fileOf(name));
      reply.header("etag", etag);
      return json;
    },
  });

  app.route({
    method: "PUT",
    url: "/v1/agents/:name/card",
    config: { scope: "agents:write" },
    schema: {
      summary: "Edit an agent's card; all replicas go by it within seconds, and runs under way end on theirs",
      params: AgentParams,
      headers: IfMatch,
      body: EditBody,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const file = fileOf(name);
      await write(request, file, name, request.body.text, request.body.note ?? "");
      const { etag, json } = await show(name, file);
      reply.header("etag", etag);
      return json;
    },
  });

  app.route({
    method: "GET",
    url: "/v1/agents/:name/card/versions/:no",
    config: { scope: "agents:read" },
    preValidation: expectOperator,
    schema: {
      summary: "Read a version of an agent's card; 0 = its file as it is now",
      params: Type.Object({ name: Type.String(), no: Type.String({ pattern: "^\\d{1,9}$" }) }),
      response: { 200: Type.Object({ no: Type.Integer(), source: Source, text: Type.String() }) },
    },
    handler: async (request) => {
      const { name } = request.params;
      const no = Number(request.params.no);
      const file = fileOf(name);
      const text = await textOf(file, no);
      return { no, source: sourceOf(text), text: text ?? (await agents.textOfFile(file)) };
    },
  });

  app.route({
    method: "POST",
    url: "/v1/agents/:name/card/revert",
    config: { scope: "agents:write" },
    schema: {
      summary: "Go back to a version of an agent's card, by a new version that says the same",
      params: AgentParams,
      headers: IfMatch,
      body: RevertBody,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const { name } = request.params;
      const file = fileOf(name);
      const { to, note = `back to ${to === 0 ? "the file" : `version ${to}`}` } = request.body;
      await write(request, file, name, await textOf(file, to), note);
      const { etag, json } = await show(name, file);
      reply.header("etag", etag);
      return json;
    },
  });
}

async function expectOperator(request: FastifyRequest): Promise<void> {
  if (!operatorOf(request)) throw new GatewayError("forbidden", "Cards are for operators.");
}

function sourceOf(text: string | null): Static<typeof Source> {
  return text === null ? "file" : "edited";
}

function changed(): GatewayError {
  return new GatewayError("stale", "The card has changed since. Read it again.");
}
