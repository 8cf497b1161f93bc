import { Readable } from "node:stream";
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { readId, type UserId } from "../ids.ts";
import { audit } from "../store/audit.ts";
import { beginErasure, erasureOf } from "../store/erasures.ts";
import { exportPerson } from "../store/export-person.ts";
import { withReach } from "../store/reach.ts";
import type { Root, Trx } from "../store/schema.ts";
import { listPairings, listUsers, readUser, setBlocked, type User } from "../store/users.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Api } from "./api.ts";
import { principalOf } from "./authenticate.ts";
import { cutPage, Ids, readTime, readTimeCursor, When } from "./read-time.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
/** An export is as long as its person has talked. */
const EXPORT_MS = 3_600_000;
const EVERYTHING = { kind: "all" } as const;

const Kind = Type.Union([Type.Literal("person"), Type.Literal("place")]);
/** As a query writes it. */
const Flag = Type.Union([Type.Literal("true"), Type.Literal("false")]);
const Time = Type.String({ format: "date-time" });
const MaybeTime = Type.Union([Time, Type.Null()]);
const UserParams = Type.Object({ id: Type.String() });

const UserFields = {
  user_id: Type.String(),
  kind: Kind,
  name: Type.String(),
  blocked: Type.Boolean(),
  created_at: Time,
  identities: Type.Array(
    Type.Object({
      platform: Type.String(),
      external_id: Type.String(),
      name: Type.String(),
      approved_at: MaybeTime,
      blocked_at: MaybeTime,
    }),
  ),
};
const UserJson = Type.Object(UserFields);
const DetailsJson = Type.Object({
  ...UserFields,
  places: Type.Array(
    Type.Object({
      account: Type.String(),
      chat: Type.String(),
      thread: Type.String(),
      kind: Type.String(),
      title: Type.String(),
    }),
  ),
  sessions: Type.Integer(),
  messages: Type.Integer(),
  memories: Type.Integer(),
  last_used_at: MaybeTime,
});
const ErasureJson = Type.Object({
  erasure_id: Type.String(),
  user_id: Type.String(),
  begun_at: Time,
  ended_at: Type.Union([Time, Type.Null()], { description: "null = some of it is still there" }),
});
const DryRunJson = Type.Object({
  dry_run: Type.Literal(true),
  user_id: Type.String(),
  identities: Type.Integer(),
  sessions: Type.Integer(),
  messages: Type.Integer(),
  memories: Type.Integer(),
});

/** Who talks here, for operators: to find, block, export and erase them. `left` is told whose browsers to look at anew. */
export function userRoutes(app: Api, db: Root, service: AgentService, left: (user: UserId) => void): void {
  const all = <T>(work: (trx: Trx) => Promise<T>): Promise<T> => withReach(db, EVERYTHING, work);

  app.route({
    method: "GET",
    url: "/v1/users",
    config: { scope: "users:read" },
    schema: {
      summary: "List people and group places, newest first",
      querystring: Type.Object(
        {
          ids: Type.Optional(Ids),
          kind: Type.Optional(Kind),
          platform: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
          q: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: "Part of a name or title" })),
          blocked: Type.Optional(Flag),
          since: Type.Optional(When),
          until: Type.Optional(When),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          cursor: Type.Optional(Type.String({ maxLength: 200, description: "next_cursor of a page" })),
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          users: Type.Array(UserJson),
          next_cursor: Type.Union([Type.String(), Type.Null()], { description: "null = that is all" }),
        }),
      },
    },
    handler: async (request) => {
      const { limit = DEFAULT_PAGE, cursor, ids, blocked, since, until, ...same } = request.query;
      const filter = {
        ...same,
        ...(ids !== undefined && { ids: ids.split(",") }),
        ...(blocked !== undefined && { blocked: blocked === "true" }),
        ...(since !== undefined && { since: readTime("since", since) }),
        ...(until !== undefined && { until: readTime("until", until) }),
        ...(cursor !== undefined && { after: readTimeCursor(cursor) }),
        limit: limit + 1,
      };
      const found = await all((trx) => listUsers(trx, filter));
      const { page, next } = cutPage(found, limit, ({ createdAt: at, id }) => ({ at, id }));
      return { users: page.map(toUserJson), next_cursor: next };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/pairings",
    config: { scope: "users:read" },
    schema: {
      summary: "List strangers who were told a code, newest first",
      querystring: Type.Object(
        { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })) },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          pairings: Type.Array(
            Type.Object({
              code: Type.String(),
              platform: Type.String(),
              external_id: Type.String(),
              name: Type.String(),
              created_at: Time,
              expires_at: Time,
            }),
          ),
        }),
      },
    },
    handler: async (request) => {
      const found = await all((trx) => listPairings(trx, request.query.limit ?? DEFAULT_PAGE));
      const pairings = found.map(({ created_at: at, expires_at: until, ...who }) => {
        return { ...who, created_at: at.toISOString(), expires_at: until.toISOString() };
      });
      return { pairings };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/users/:id",
    config: { scope: "users:read" },
    schema: { summary: "Read a user", params: UserParams, response: { 200: DetailsJson } },
    handler: async (request) => {
      const { places, sessions, messages, memories, lastUsedAt, ...user } = await all((trx) =>
        findUser(trx, request.params.id),
      );
      const counts = { sessions, messages, memories, last_used_at: lastUsedAt?.toISOString() ?? null };
      return { ...toUserJson(user), places, ...counts };
    },
  });

  app.route({
    method: "PATCH",
    url: "/v1/users/:id",
    config: { scope: "users:write" },
    schema: {
      summary: "Block a person, on every platform, or let them be heard again",
      params: UserParams,
      body: Type.Object({ blocked: Type.Boolean() }, { additionalProperties: false }),
      response: { 200: UserJson },
    },
    handler: async (request) => {
      const { blocked } = request.body;
      const id = readUserId(request.params.id);
      const { user, stopped } = await all(async (trx) => {
        const done = await setBlocked(trx, id, blocked);
        if (!done) throw noSuchUser();
        const action = blocked ? "user.block" : "user.unblock";
        if (done.changed) await audit(trx, principalOf(request), { action, target: done.id });
        return { user: await findUser(trx, done.id), stopped: done.stopped };
      });
      left(user.id);
      await service.lookAgain(...stopped);
      return toUserJson(user);
    },
  });

  app.route({
    method: "GET",
    url: "/v1/users/:id/export",
    config: { scope: "users:read" },
    handlerTimeout: EXPORT_MS,
    schema: {
      summary: "Export everything that is a user's, as JSON lines",
      description: "The last line has the type `end` and counts the others: without it the export was cut off.",
      params: UserParams,
      response: { 200: { description: "Lines", content: { "application/x-ndjson": { schema: Type.String() } } } },
    },
    handler: async (request, reply) => {
      const { id } = await all(async (trx) => {
        const user = await findUser(trx, request.params.id);
        await audit(trx, principalOf(request), { action: "user.export", target: user.id });
        return user;
      });
      reply.type("application/x-ndjson").header("content-disposition", `attachment; filename="${id}.jsonl"`);
      const lines = Readable.from(toText(exportPerson(db, id)), { highWaterMark: 1 });
      // The type knows of no streams, Fastify does.
      return reply.send(lines as unknown as string);
    },
  });

  app.route({
    method: "DELETE",
    url: "/v1/users/:id",
    config: { scope: "users:write" },
    schema: {
      summary: "Erase a user, with all linked identities",
      description: "From the answer on the user is gone; what it has left goes within minutes, see GET …/erasure.",
      params: UserParams,
      querystring: Type.Object({ dry_run: Type.Optional(Flag) }, { additionalProperties: false }),
      response: { 200: DryRunJson, 202: ErasureJson },
    },
    handler: async (request, reply) => {
      const id = readUserId(request.params.id);
      if (request.query.dry_run === "true") {
        const user = await all((trx) => findUser(trx, id));
        const { sessions, messages, memories, identities } = user;
        const counts = { identities: identities.length, sessions, messages, memories };
        return reply.code(200).send({ dry_run: true, user_id: user.id, ...counts });
      }
      const { erasure, user, stopped } = await all(async (trx) => {
        const begun = await beginErasure(trx, id);
        if (!begun) throw noSuchUser();
        await audit(trx, principalOf(request), {
          action: "user.erase",
          target: begun.user,
          detail: { erasure: begun.id },
        });
        return { erasure: await findErasure(trx, begun.user), user: begun.user, stopped: begun.stopped };
      });
      left(user);
      await service.lookAgain(...stopped);
      return reply.code(202).send(erasure);
    },
  });

  app.route({
    method: "GET",
    url: "/v1/users/:id/erasure",
    config: { scope: "users:read" },
    schema: { summary: "Read how far an erasure is", params: UserParams, response: { 200: ErasureJson } },
    handler: async (request) => all((trx) => findErasure(trx, readUserId(request.params.id))),
  });
}

async function findUser(trx: Trx, id: string) {
  const user = await readUser(trx, readUserId(id));
  if (!user) throw noSuchUser();
  return user;
}

async function findErasure(trx: Trx, id: UserId): Promise<Static<typeof ErasureJson>> {
  const found = await erasureOf(trx, id);
  if (!found) throw noSuchUser();
  const { begunAt, endedAt } = found;
  const times = { begun_at: begunAt.toISOString(), ended_at: endedAt?.toISOString() ?? null };
  return { erasure_id: found.id, user_id: id, ...times };
}

function readUserId(text: string): UserId {
  const id = readId("usr", text);
  if (!id) throw noSuchUser();
  return id;
}

function noSuchUser(): GatewayError {
  return new GatewayError("not_found", "There is no such user.");
}

function toUserJson({ id, kind, createdAt, title, ...user }: User): Static<typeof UserJson> {
  const identities = user.identities.map(({ approved_at: approved, blocked_at: at, ...who }) => ({
    ...who,
    approved_at: approved && new Date(approved).toISOString(),
    blocked_at: at && new Date(at).toISOString(),
  }));
  const name = identities.find((each) => each.name !== "")?.name ?? title;
  const blocked = identities.some(({ blocked_at: at }) => at !== null);
  return { user_id: id, kind, name, blocked, created_at: createdAt.toISOString(), identities };
}

async function* toText(pages: AsyncIterable<object[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((line) => `${JSON.stringify(line)}\n`).join("");
}
