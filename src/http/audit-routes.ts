import { Type } from "typebox";
import { ADMIN_ACTOR, listAudit } from "../store/audit.ts";
import { withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";
import { cutPage, readTime, readTimeCursor, When } from "./read-time.ts";

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const EntryJson = Type.Object({
  id: Type.String(),
  at: Type.String({ format: "date-time" }),
  actor: Type.String({ description: `A key's id, or ${ADMIN_ACTOR} for the key of the settings` }),
  action: Type.String(),
  target: Type.String(),
  detail: Type.Record(Type.String(), Type.Unknown()),
});
const Word = Type.String({ minLength: 1, maxLength: 200 });

/** What operators did, by whom and when. */
export function auditRoutes(app: Api, db: Root): void {
  app.route({
    method: "GET",
    url: "/v1/audit",
    config: { scope: "audit:read" },
    schema: {
      summary: "List what operators did, newest first",
      querystring: Type.Object(
        {
          actor: Type.Optional(Word),
          action: Type.Optional(Word),
          target: Type.Optional(Word),
          since: Type.Optional(When),
          until: Type.Optional(When),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
          cursor: Type.Optional(Type.String({ maxLength: 200, description: "next_cursor of a page" })),
        },
        { additionalProperties: false },
      ),
      response: {
        200: Type.Object({
          entries: Type.Array(EntryJson),
          next_cursor: Type.Union([Type.String(), Type.Null()], { description: "null = that is all" }),
        }),
      },
    },
    handler: async (request) => {
      const { limit = DEFAULT_PAGE, cursor, since, until, ...same } = request.query;
      const filter = {
        ...same,
        ...(since !== undefined && { since: readTime("since", since) }),
        ...(until !== undefined && { until: readTime("until", until) }),
        ...(cursor !== undefined && { before: readTimeCursor(cursor) }),
        limit: limit + 1,
      };
      const found = await withReach(db, { kind: "all" }, (trx) => listAudit(trx, filter));
      const { page, next } = cutPage(found, limit, (entry) => entry);
      return { entries: page.map((entry) => ({ ...entry, at: entry.at.toISOString() })), next_cursor: next };
    },
  });
}
