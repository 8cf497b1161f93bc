import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { faultsOfPlaces, PLACES } from "../agent/edited-places.ts";
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
const NoParams = Type.Object({});
const IfMatch = Type.Object({
  "if-match": Type.String({ maxLength: 100, description: "The card's ETag: 412 if it has changed since" }),
});

/** A text that operators edit, and what stands in its place without them. */
interface Edited {
  /** For people and the audit log. */
  name: string;
  /** Among the edits. */
  file: string;
  textOfFile: () => Promise<string>;
  /** Why nobody would take this text; nothing = somebody would. */
  faultsOf: (text: string) => Promise<readonly string[]>;
}

interface Edits {
  url: string;
  /** Of the routes' summaries. */
  thing: string;
  action: string;
  /** Of those that the address names. */
  find: (name: string) => Edited;
}

/**
 * Cards and places that operators edit. What only who owns the machine may grant stays as the files have it; see
 * beyond-file.ts and edited-places.ts.
 */
export function editRoutes(app: Api, db: Root, agents: RegisteredAgents): void {
  routesOf(app, db, agents, {
    url: "/v1/agents/:name/card",
    thing: "an agent's card",
    action: "agent.card",
    find(name) {
      const card = agents.get(name);
      if (!card) throw new GatewayError("not_found", "There is no such agent.");
      const { file } = card;
      if (file === undefined) throw new GatewayError("conflict", "This agent has no card.");
      return {
        name,
        file,
        textOfFile: () => agents.textOfFile(file),
        faultsOf: (text) => agents.faultsOfEdit(file, text),
      };
    },
  });
  const places: Edited = {
    name: PLACES,
    file: PLACES,
    textOfFile: async () => "",
    faultsOf: async (text) => faultsOfPlaces(text, (agent) => agents.get(agent)),
  };
  routesOf(app, db, agents, {
    url: "/v1/places",
    thing: "what is set for places",
    action: "places.change",
    find: () => places,
  });
}

function routesOf(app: Api, db: Root, agents: RegisteredAgents, { url, thing, action, find }: Edits): void {
  const named = url.includes(":name") ? AgentParams : NoParams;
  const findFor = ({ params }: FastifyRequest): Edited => find((params as { name?: string }).name ?? "");

  async function read({ file, textOfFile }: Edited) {
    const versions = await withReach(db, EVERYTHING, (trx) => listCardVersions(trx, file));
    const { no, text: edited } = versions[0] ?? NONE;
    const text = edited ?? (await textOfFile());
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 12);
    return { no, edited, text, versions, etag: `"${no}-${digest}"` };
  }

  async function show(of: Edited): Promise<{ etag: string; json: Static<typeof CardJson> }> {
    const { no, edited, text, versions, etag } = await read(of);
    const json = {
      name: of.name,
      file: of.file,
      version: no,
      source: sourceOf(edited),
      text,
      faults: edited === null ? [] : [...(await of.faultsOf(edited))],
      versions: versions.map(({ text: ofThen, at, ...version }) => ({
        ...version,
        source: sourceOf(ofThen),
        at: at.toISOString(),
      })),
    };
    return { etag, json };
  }

  /** Text null = back to the file. */
  async function write(request: FastifyRequest, of: Edited, text: string | null, note: string) {
    const { no, etag } = await read(of);
    if (request.headers["if-match"]?.trim() !== etag) throw changed();
    const faults = text === null ? [] : await of.faultsOf(text);
    if (faults.length > 0) throw new GatewayError("invalid", faults.join("; "));
    const principal = principalOf(request);
    await withReach(db, EVERYTHING, async (trx) => {
      const version = { no: no + 1, text, author: actorOf(principal), note };
      if (!(await insertCardVersion(trx, of.file, version))) throw changed();
      const detail = { file: of.file, version: no + 1, source: sourceOf(text) };
      await audit(trx, principal, { action, target: of.name, detail });
    });
    await agents.reload();
  }

  async function textOf(of: Edited, no: number): Promise<string | null> {
    if (no === 0) return null;
    const version = (await read(of)).versions.find((each) => each.no === no);
    if (!version) throw new GatewayError("not_found", "There is no such version.");
    return version.text;
  }

  app.route({
    method: "GET",
    url,
    config: { scope: "agents:read" },
    preValidation: expectOperator,
    schema: {
      summary: `Read ${thing} and who has edited it`,
      params: named,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const { etag, json } = await show(findFor(request));
      reply.header("etag", etag);
      return json;
    },
  });

  app.route({
    method: "PUT",
    url,
    config: { scope: "agents:write" },
    schema: {
      summary: `Edit ${thing}; all replicas go by it within seconds, and runs under way end on theirs`,
      params: named,
      headers: IfMatch,
      body: EditBody,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const of = findFor(request);
      await write(request, of, request.body.text, request.body.note ?? "");
      const { etag, json } = await show(of);
      reply.header("etag", etag);
      return json;
    },
  });

  app.route({
    method: "GET",
    url: `${url}/versions/:no`,
    config: { scope: "agents:read" },
    preValidation: expectOperator,
    schema: {
      summary: `Read a version of ${thing}; 0 = without any edit`,
      params: Type.Object({ ...named.properties, no: Type.String({ pattern: "^\\d{1,9}$" }) }),
      response: { 200: Type.Object({ no: Type.Integer(), source: Source, text: Type.String() }) },
    },
    handler: async (request) => {
      const no = Number(request.params.no);
      const of = findFor(request);
      const text = await textOf(of, no);
      return { no, source: sourceOf(text), text: text ?? (await of.textOfFile()) };
    },
  });

  app.route({
    method: "POST",
    url: `${url}/revert`,
    config: { scope: "agents:write" },
    schema: {
      summary: `Go back to a version of ${thing}, by a new version that says the same`,
      params: named,
      headers: IfMatch,
      body: RevertBody,
      response: { 200: CardJson },
    },
    handler: async (request, reply) => {
      const of = findFor(request);
      const { to, note = `back to ${to === 0 ? "the file" : `version ${to}`}` } = request.body;
      await write(request, of, await textOf(of, to), note);
      const { etag, json } = await show(of);
      reply.header("etag", etag);
      return json;
    },
  });
}

async function expectOperator(request: FastifyRequest): Promise<void> {
  if (!operatorOf(request)) throw new GatewayError("forbidden", "This is for operators.");
}

function sourceOf(text: string | null): Static<typeof Source> {
  return text === null ? "file" : "edited";
}

function changed(): GatewayError {
  return new GatewayError("stale", "The card has changed since. Read it again.");
}
