import type { FastifyRequest } from "fastify";
import type { FeedbackFilter } from "../store/feedback.ts";
import type { Root } from "../store/schema.ts";
import { namedSession } from "../store/session-reach.ts";
import { readFilters } from "./feedback-json.ts";
import { callerOf } from "./session-routes.ts";

/** What a query narrows feedback to, a session by whichever id the caller knows it. Rejects `invalid`. */
export async function filterOf(
  db: Root,
  request: FastifyRequest,
  query: Parameters<typeof readFilters>[0],
): Promise<FeedbackFilter> {
  const filter = readFilters(query);
  if (filter.session === undefined) return filter;
  return { ...filter, session: (await namedSession(db, callerOf(request), filter.session)) ?? filter.session };
}
