import { Type } from "typebox";
import type { AgentService } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { callerOf } from "./session-routes.ts";

/** What a browser cannot take for a page or a script; everything else goes out as mere bytes. */
const HARMLESS = /^(image\/(png|jpeg|gif|webp)|audio\/[a-z0-9]+|application\/pdf)$/;

/** Reading the files of a session: always to be saved, never to be shown by the browser itself. */
export function fileRoutes(app: Api, service: AgentService, sessions: Sessions): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/files/:file",
    config: { scope: "sessions:read" },
    schema: {
      summary: "Read a file that a message of the session names",
      params: Type.Object({ id: Type.String(), file: Type.String() }),
      response: {
        200: {
          description: "The file",
          content: {
            "application/octet-stream": { schema: Type.Unsafe<Buffer>({ type: "string", format: "binary" }) },
          },
        },
      },
    },
    handler: async (request, reply) => {
      const { id, file } = request.params;
      const session = await sessions.find(callerOf(request), id);
      const { name, mediaType, bytes } = await service.readFile(session.user_id, session.id, file);
      return reply
        .headers({
          "content-type": HARMLESS.test(mediaType) ? mediaType : "application/octet-stream",
          "content-disposition": disposition(name),
          "content-security-policy": "default-src 'none'; sandbox",
          // A cookie goes along to neighbours' pages, too: another port or subdomain is the same site.
          "cross-origin-resource-policy": "same-origin",
        })
        .send(Buffer.from(bytes));
    },
  });
}

/** RFC 6266, 4: a name for old readers, and the whole of it for the others. */
function disposition(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9._ -]/g, "_") || "file";
  const whole = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole || "file"}`;
}
