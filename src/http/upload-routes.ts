import { Type } from "typebox";
import { Slots } from "../agent/slots.ts";
import { errorCode, GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import { MAX_FILE_BYTES } from "../run/fetch-file.ts";
import type { Root } from "../store/schema.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import { acceptUpload, tooLarge } from "../talk/uploads.ts";
import type { Api } from "./api.ts";
import { userOf } from "./authenticate.ts";
import { toPartJson } from "./message-json.ts";
import { readBody } from "./read-body.ts";
import { SessionParams } from "./session-routes.ts";
import { validateRequest } from "./validate-request.ts";

/** Files that are in memory at once; one of a person's. */
const AT_ONCE = 8;
const SLOT_MS = 5_000;
/** The server's time for a whole request, and the database's for what it brought. */
const ANSWER_MS = 150_000;

/** Bringing files that a message is to name. In a scope of its own: no body is read before it is known whose it is. */
export function uploadRoutes(
  app: Api,
  { db, service, sessions }: { db: Root; service: AgentService; sessions: Sessions },
): void {
  const slots = new Slots(AT_ONCE);
  const uploading = new Set<UserId>();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/files",
    config: { scope: "sessions:write" },
    handlerTimeout: ANSWER_MS,
    // The body is no JSON, and read by the handler.
    validatorCompiler: (route) => (route.httpPart === "body" ? () => true : validateRequest(route)),
    schema: {
      summary: "Upload a file for a message of the session",
      description:
        `The body is the file, of at most ${MAX_FILE_BYTES / 1_000_000} MB, one at a time. A message names it by \`file\` ` +
        "(`files` of `POST …/messages`) within an hour, or it is gone.",
      params: SessionParams,
      querystring: Type.Object(
        { name: Type.Optional(Type.String({ maxLength: 255, description: "What people are to see as its name." })) },
        { additionalProperties: false },
      ),
      body: {
        content: { "application/octet-stream": { schema: Type.Unsafe<unknown>({ type: "string", format: "binary" }) } },
      },
      response: {
        201: Type.Object(
          {
            file: Type.String(),
            kind: Type.String({ description: "image, audio or document" }),
            name: Type.String(),
            media_type: Type.String({ description: "As its first bytes say" }),
            size: Type.Integer(),
          },
          { additionalProperties: true },
        ),
      },
    },
    handler: async (request, reply) => {
      const user = userOf(request);
      const { id: session } = await sessions.find({ reach: { kind: "user", user }, user }, request.params.id);
      await service.refuseBlocked(user);
      if (uploading.has(user)) {
        throw new GatewayError("rate_limited", "Another file of yours is on its way. Send one after the other.", {
          retryAfterMs: 1_000,
        });
      }
      uploading.add(user);
      try {
        const part = await slots.during(AbortSignal.timeout(SLOT_MS), async () => {
          const bytes = await readBody(request.raw, MAX_FILE_BYTES).catch((error: unknown) => {
            throw errorCode(error) === "too_large" ? tooLarge("file", MAX_FILE_BYTES) : error;
          });
          return acceptUpload(db, { user, session }, { name: request.query.name ?? "", bytes });
        });
        if (part === null)
          throw new GatewayError("unavailable", "Many files come in just now.", { retryAfterMs: SLOT_MS });
        return await reply.code(201).send(toPartJson(part) as never);
      } finally {
        uploading.delete(user);
      }
    },
  });
}
