import { type Static, Type } from "typebox";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import { listTrouble, type TroubledPage } from "../store/troubled-pages.ts";
import type { Api } from "./api.ts";

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
