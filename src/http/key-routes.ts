import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import {
  changeKey,
  insertKey,
  type KeyBinding,
  type KeyRecord,
  listKeys,
  revokeKey,
  rotateKey,
} from "../store/api-keys.ts";
import { actorOf, ADMIN_ACTOR, audit } from "../store/audit.ts";
import { withReach } from "../store/reach.ts";
import type { Root, Trx } from "../store/schema.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Api } from "./api.ts";
import { principalOf } from "./authenticate.ts";
import type { KeyRing } from "./key-ring.ts";
import { newKeyText, sha256 } from "./key-text.ts";
import { keyOf, mayGrant, mayRevoke, usualScopes } from "./mint-key.ts";
import { SCOPES } from "./principal.ts";
import { cutPage, Ids, readTimeCursor } from "./read-time.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
const OVERLAP_S = { usual: 86_400, max: 30 * 86_400 };
const EVERYTHING = { kind: "all" } as const;

const Scopes = Type.Array(Type.Union(SCOPES.map((scope) => Type.Literal(scope))), { maxItems: SCOPES.length });
const Role = Type.Union([Type.Literal("owner"), Type.Literal("operator"), Type.Literal("viewer")]);
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Time = Type.String({ format: "date-time" });
const MaybeTime = Type.Union([Time, Type.Null()]);
const MaybeText = Type.Union([Type.String(), Type.Null()]);
const KeyParams = Type.Object({ id: Type.String() });

const KeyFields = {
  key_id: Type.String(),
  name: Type.String(),
  role: Type.Union([Role, Type.Null()]),
  agent: MaybeText,
  user_id: MaybeText,
  scopes: Type.Array(Type.String()),
  created_by: Type.String({
    description: `A key's id, a user's at the web page, or ${ADMIN_ACTOR} for the key of the settings`,
  }),
  created_at: Time,
  expires_at: MaybeTime,
  revoked_at: MaybeTime,
  last_used_at: Type.Union([Time, Type.Null()], { description: "To the minute" }),
  previous_until: Type.Union([Time, Type.Null()], { description: "Until when the secret before still counts" }),
};
const KeyJson = Type.Object(KeyFields);
const SecretJson = Type.Object({ ...KeyFields, key: Type.String({ description: "Shown this once" }) });

const NewKeyBody = Type.Object(
  {
    name: Name,
    role: Type.Optional(Role),
    agent: Type.Optional(Name),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "usr_…, or a name of the API" })),
    scopes: Type.Optional(Scopes),
    expires_at: Type.Optional(MaybeTime),
  },
  { additionalProperties: false },
);

/** Making keys, and taking them back. A key is shown when it is made and never again. */
export function keyRoutes(app: Api, db: Root, service: AgentService, ring: KeyRing): void {
  app.route({
    method: "POST",
    url: "/v1/keys",
    config: { scope: "keys:write" },
    schema: {
      summary: "Make a key of an operator (role), an agent or a person (user): one of the three",
      body: NewKeyBody,
      response: { 201: SecretJson },
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const { name, expires_at: expires = null, scopes: wanted } = request.body;
      const bound = await readBinding(service, request.body);
      const expiresAt = expires === null ? null : readExpiry(expires);
      const scopes = wanted ? [...new Set(wanted)] : usualScopes(bound, principal);
      const { id, text } = newKeyText();
      const made = await withReach(db, EVERYTHING, async (trx) => {
        await mayGrant(trx, principal, { bound, scopes, expiresAt });
        const createdBy = actorOf(principal);
        await insertKey(trx, { id, name, sha256: sha256(text), bound, scopes, createdBy, expiresAt });
        const detail = { ...describe(bound), scopes, expires_at: expiresAt?.toISOString() ?? null };
        await audit(trx, principal, { action: "key.create", target: id, detail });
        return keyOf(trx, id);
      });
      return reply.code(201).send({ ...toKeyJson(made), key: text });
    },
  });

  app.route({
    method: "GET",
    url: "/v1/keys",
    config: { scope: "keys:read" },
    schema: {
      summary: "List keys, newest first, those that are revoked or over among them",
      querystring: Type.Object(
        {
          ids: Type.Optional(Ids),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          cursor: Type.Optional(Type.String({ maxLength: 200, description: "next_cursor of a page" })),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ keys: Type.Array(KeyJson), next_cursor: MaybeText }) },
    },
    handler: async (request) => {
      const { limit = DEFAULT_PAGE, cursor, ids } = request.query;
      const filter = {
        ...(ids !== undefined && { ids: ids.split(",") }),
        ...(cursor !== undefined && { before: readTimeCursor(cursor) }),
        limit: limit + 1,
      };
      const found = await withReach(db, EVERYTHING, (trx) => listKeys(trx, filter));
      const { page, next } = cutPage(found, limit, ({ createdAt: at, id }) => ({ at, id }));
      return { keys: page.map(toKeyJson), next_cursor: next };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/keys/:id",
    config: { scope: "keys:read" },
    schema: { summary: "Read a key, without its secret", params: KeyParams, response: { 200: KeyJson } },
    handler: async (request) => toKeyJson(await withReach(db, EVERYTHING, (trx) => keyOf(trx, request.params.id))),
  });

  app.route({
    method: "PATCH",
    url: "/v1/keys/:id",
    config: { scope: "keys:write" },
    schema: {
      summary: "Rename a key, or change what it is good for, or until when",
      params: KeyParams,
      body: Type.Object(
        { name: Type.Optional(Name), scopes: Type.Optional(Scopes), expires_at: Type.Optional(MaybeTime) },
        { additionalProperties: false, minProperties: 1 },
      ),
      response: { 200: KeyJson },
    },
    handler: async (request) => {
      const principal = principalOf(request);
      const { name, expires_at: expires, scopes: wanted } = request.body;
      const change = {
        ...(name !== undefined && { name }),
        ...(wanted && { scopes: [...new Set(wanted)] }),
        ...(expires !== undefined && { expiresAt: expires === null ? null : readExpiry(expires) }),
      };
      const changed = await withReach(db, EVERYTHING, async (trx) => {
        const key = await usableKeyOf(trx, request.params.id);
        await mayGrant(trx, principal, key);
        await mayGrant(trx, principal, { ...key, ...change });
        await changeKey(trx, key.id, change);
        const { scopes, expiresAt } = { ...key, ...change };
        const detail = { scopes, expires_at: expiresAt?.toISOString() ?? null, renamed: name !== undefined };
        await audit(trx, principal, { action: "key.update", target: key.id, detail });
        return keyOf(trx, key.id);
      });
      ring.forget(changed.id);
      return toKeyJson(changed);
    },
  });

  app.route({
    method: "DELETE",
    url: "/v1/keys/:id",
    config: { scope: "keys:write" },
    schema: {
      summary: "Revoke a key for good; other replicas refuse it within 10 s",
      params: KeyParams,
      response: { 200: KeyJson },
    },
    handler: async (request) => {
      const principal = principalOf(request);
      const revoked = await withReach(db, EVERYTHING, async (trx) => {
        const key = await keyOf(trx, request.params.id);
        if (key.revokedAt) return key;
        await mayRevoke(trx, principal, key);
        await revokeKey(trx, key.id);
        await audit(trx, principal, { action: "key.revoke", target: key.id });
        return keyOf(trx, key.id);
      });
      ring.forget(revoked.id);
      return toKeyJson(revoked);
    },
  });

  app.route({
    method: "POST",
    url: "/v1/keys/:id/rotate",
    config: { scope: "keys:write" },
    // The body may be left out.
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Give a key another secret; the one before counts for a while longer",
      params: KeyParams,
      body: Type.Object(
        { overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: OVERLAP_S.max })) },
        { additionalProperties: false },
      ),
      response: { 200: SecretJson },
    },
    handler: async (request) => {
      const principal = principalOf(request);
      const { overlap_seconds: overlap = OVERLAP_S.usual } = request.body;
      const { rotated, text } = await withReach(db, EVERYTHING, async (trx) => {
        const key = await usableKeyOf(trx, request.params.id);
        await mayGrant(trx, principal, key);
        const fresh = newKeyText(key.id).text;
        await rotateKey(trx, key.id, sha256(fresh), overlap * 1000);
        await audit(trx, principal, { action: "key.rotate", target: key.id, detail: { overlap_seconds: overlap } });
        return { rotated: await keyOf(trx, key.id), text: fresh };
      });
      ring.forget(rotated.id);
      return { ...toKeyJson(rotated), key: text };
    },
  });
}

async function readBinding(
  service: AgentService,
  { role, agent, user }: Static<typeof NewKeyBody>,
): Promise<KeyBinding> {
  if ([role, agent, user].filter((each) => each !== undefined).length !== 1) {
    throw new GatewayError("invalid", "Say whose key it is: give one of role, agent and user.");
  }
  if (role !== undefined) return { kind: "operator", role };
  if (agent !== undefined) return { kind: "agent", agent };
  return { kind: "person", user: await service.actFor(user ?? "") };
}

function readExpiry(text: string): Date {
  const at = new Date(text);
  // A leap second, which the form allows, is no time here.
  if (!(at.getTime() > Date.now())) throw new GatewayError("invalid", "expires_at must be in the future.");
  return at;
}

async function usableKeyOf(trx: Trx, id: string): Promise<KeyRecord> {
  const key = await keyOf(trx, id);
  if (!key.usable) throw new GatewayError("conflict", "This key is revoked, or its time is over. Make another one.");
  return key;
}

function describe(bound: KeyBinding) {
  return {
    role: bound.kind === "operator" ? bound.role : null,
    agent: bound.kind === "agent" ? bound.agent : null,
    user_id: bound.kind === "person" ? bound.user : null,
  };
}

function toKeyJson(key: KeyRecord): Static<typeof KeyJson> {
  return {
    key_id: key.id,
    name: key.name,
    ...describe(key.bound),
    scopes: key.scopes,
    created_by: key.createdBy,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    last_used_at: key.lastUsedAt?.toISOString() ?? null,
    previous_until: key.previousUntil?.toISOString() ?? null,
  };
}
