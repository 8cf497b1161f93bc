import { Readable } from "node:stream";
import { Type } from "typebox";
import { type FeedbackFilter, listFeedback } from "../store/feedback.ts";
import { type Reach, withReach } from "../store/reach.ts";
import type { Root } from "../store/schema.ts";
import type { Api } from "./api.ts";
import { reachOf } from "./authenticate.ts";
import { csvLine } from "./csv-line.ts";
import { filterOf } from "./feedback-filter.ts";
import { FeedbackJson, FILTERS, toFeedbackJson } from "./feedback-json.ts";

/** Rows that are read at once, and held. */
const BATCH = 1_000;
/** A slow reader holds no transaction, but is cut off in the end. */
const EXPORT_MS = 30 * 60_000;

const COLUMNS = Object.keys(FeedbackJson.properties) as (keyof typeof FeedbackJson.properties)[];
const TYPES = { csv: "text/csv; charset=utf-8", jsonl: "application/jsonl; charset=utf-8" } as const;

/** All feedback a filter leaves, newest first, as it is read: a batch in memory at a time. */
export function exportRoutes(app: Api, db: Root): void {
  app.route({
    method: "GET",
    url: "/v1/feedback/export",
    config: { scope: "feedback:read" },
    handlerTimeout: EXPORT_MS,
    schema: {
      summary: "Export feedback, newest first",
      querystring: Type.Object(
        { ...FILTERS, format: Type.Optional(Type.Union([Type.Literal("csv"), Type.Literal("jsonl")])) },
        { additionalProperties: false },
      ),
      response: {
        200: {
          description: "A line per row, and in CSV one of names before them",
          content: {
            "text/csv": { schema: Type.Unsafe<Readable>({ type: "string" }) },
            "application/jsonl": { schema: Type.Unsafe<Readable>({ type: "string" }) },
          },
        },
      },
    },
    handler: async (request, reply) => {
      const { format = "jsonl", ...filters } = request.query;
      const filter = { until: new Date(Date.now() + 1), ...(await filterOf(db, request, filters)) };
      const lines = Readable.from(linesOf(db, reachOf(request), filter, format), { objectMode: false });
      return reply
        .headers({
          "content-type": TYPES[format],
          "content-disposition": `attachment; filename="feedback.${format}"`,
        })
        .send(lines);
    },
  });
}

/** In pieces of a batch each. */
async function* linesOf(
  db: Root,
  reach: Reach,
  filter: FeedbackFilter,
  format: keyof typeof TYPES,
): AsyncGenerator<string> {
  if (format === "csv") yield csvLine(COLUMNS);
  for (let before: { at: Date; id: string } | undefined; ;) {
    const page = { limit: BATCH, before };
    const rows = await withReach(db, reach, (trx) => listFeedback(trx, reach, filter, page));
    const lines = rows.map((row) => {
      const json = toFeedbackJson(row);
      return format === "csv" ? csvLine(COLUMNS.map((column) => json[column])) : `${JSON.stringify(json)}\n`;
    });
    if (lines.length > 0) yield lines.join("");
    const last = rows.at(-1);
    if (!last || rows.length < BATCH) return;
    before = { at: last.createdAt, id: last.id };
  }
}
