import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import { type OutboxId, readId } from "../ids.ts";
import { audit } from "../store/audit.ts";
import { withReach } from "../store/reach.ts";
import type { AuditDetail, Root, Trx } from "../store/schema.ts";
import { type Handled, listTrouble, resolvePage, retryPage, type TroubledPage } from "../store/troubled-pages.ts";
import type { Api } from "./api.ts";
import { principalOf } from "./authenticate.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const State = Type.Union([Type.Literal("uncertain"), Type.Literal("failed"), Type.Literal("parked")]);

const DeliveryJson = Type.Object({
  id: Type.String(),
  state: State,
  account: Type.String(),
  chat: Type.String(),
  thread: Type.String(),
  run_id: Type.Union([Type.String(), Type.Null()]),
  session_id: Type.Union([Type.String(), Type.Null()], { description: "null = what a stranger was told" }),
  page: Type.Integer(),
  error: Type.Union([Type.String(), Type.Null()]),
  created_at: Type.String({ format: "date-time" }),
  chat_gone_at: Type.Union([Type.String({ format: "date-time" }), Type.Null()], {
    description: "Since when the bot is known to be blocked or removed there",
  }),
  parked_until: Type.Union([Type.String({ format: "date-time" }), Type.Null()], {
    description: "When the platform, which asked for a pause of over a minute, lets it be shown",
  }),
});

/** For the operator's eyes: what nobody can be sure of, what could not be shown, and what must wait. Never a text. */
export function deliveryRoutes(app: Api, db: Root): void {
  app.route({
    method: "GET",
    url: "/v1/deliveries",
    config: { scope: "deliveries:read" },
    schema: {
      summary: "List posts that are uncertain, failed or parked, newest first",
      querystring: Type.Object(
        {
          state: Type.Optional(State),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ deliveries: Type.Array(DeliveryJson) }) },
    },
    handler: async (request) => {
      const filter = { limit: DEFAULT_PAGE, ...request.query };
      const pages = await withReach(db, { kind: "all" }, (trx) => listTrouble(trx, filter));
      return { deliveries: pages.map(toDeliveryJson) };
    },
  });
}

/** What an operator says of one of them. */
export function deliveryActionRoutes(app: Api, db: Root): void {
  const handle = async (
    request: FastifyRequest,
    post: string,
    entry: { action: string; detail: AuditDetail },
    act: (trx: Trx, id: OutboxId) => Promise<Handled>,
  ) => {
    const id = readId("out", post);
    if (!id) throw REFUSALS.unknown();
    const handled = await withReach(db, { kind: "all" }, async (trx) => {
      const outcome = await act(trx, id);
      if (outcome === "done") await audit(trx, principalOf(request), { ...entry, target: id });
      return outcome;
    });
    if (handled !== "done") throw REFUSALS[handled]();
  };

  app.route({
    method: "POST",
    url: "/v1/deliveries/:post/retry",
    config: { scope: "deliveries:write" },
    preValidation: async (request) => void (request.body ??= {}),
    schema: {
      summary: "Post again what failed, or what is in doubt if twice is better than not at all",
      params: Type.Object({ post: Type.String() }),
      body: Type.Object(
        { even_if_shown: Type.Optional(Type.Boolean({ description: "Needed of a post that is uncertain" })) },
        { additionalProperties: false },
      ),
      response: { 202: Type.Object({ id: Type.String() }) },
    },
    handler: async (request, reply) => {
      const { post } = request.params;
      const { even_if_shown: twice = false } = request.body;
      const entry = { action: "delivery.retry", detail: { even_if_shown: twice } };
      await handle(request, post, entry, (trx, id) => retryPage(trx, id, twice));
      return reply.code(202).send({ id: post });
    },
  });

  app.route({
    method: "POST",
    url: "/v1/deliveries/:post/resolve",
    config: { scope: "deliveries:write" },
    schema: {
      summary: "Take a post off the list: it was seen in the chat, or is not needed any more",
      params: Type.Object({ post: Type.String() }),
      body: Type.Object(
        { outcome: Type.Union([Type.Literal("shown"), Type.Literal("dropped")]) },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ id: Type.String() }) },
    },
    handler: async (request) => {
      const { post } = request.params;
      const { outcome } = request.body;
      const entry = { action: "delivery.resolve", detail: { outcome } };
      await handle(request, post, entry, (trx, id) => resolvePage(trx, id, outcome));
      return { id: post };
    },
  });
}

const refusal = (code: "not_found" | "conflict", message: string) => () => new GatewayError(code, message);

const REFUSALS: Record<Exclude<Handled, "done">, () => GatewayError> = {
  unknown: refusal("not_found", "There is no such post."),
  not_troubled: refusal("conflict", "This post is neither uncertain nor failed."),
  in_doubt: refusal(
    "conflict",
    "This post may be in the chat already. Look there; even_if_shown posts it all the same.",
  ),
  under_way: refusal("conflict", "The answer of this post is not over yet."),
  empty: refusal("conflict", "Nothing is left of this post that could be shown. Resolve it."),
};

function toDeliveryJson(page: TroubledPage): Static<typeof DeliveryJson> {
  const { account_id: account, created_at: at, gone_at: goneAt, parked_until: until, ...rest } = page;
  return {
    ...rest,
    account,
    created_at: at.toISOString(),
    chat_gone_at: goneAt?.toISOString() ?? null,
    parked_until: until?.toISOString() ?? null,
  };
}
