import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { PageFile } from "./load-page.ts";

/** Nothing inline, nothing from elsewhere, in nobody's frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");
const HEADERS = {
  "content-security-policy": POLICY,
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};
const A_YEAR = "public, max-age=31536000, immutable";
/** What people may open or reload: the page itself finds out which of its views is meant. */
const VIEWS = ["/", "/sign-in", "/talks/:id", "/admin", "/admin/*"];
const NOT_BUILT =
  "The web page was not built. Run: npm run build, and start the gateway again. The chats and the API work without it.\n";

/** The built web page; null = it was not built, which is what its addresses say then. */
export function pageRoutes(app: FastifyInstance, page: readonly PageFile[] | null): void {
  const route = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown) =>
    app.route({ method: "GET", url, schema: { hide: true }, handler });
  const index = page?.find(({ url }) => url === "/index.html");
  for (const view of VIEWS) {
    route(view, (request, reply) => {
      if (index) return send(request, reply, index);
      return reply.code(503).headers(HEADERS).type("text/plain; charset=utf-8").send(NOT_BUILT);
    });
  }
  for (const file of page ?? []) {
    if (file !== index) route(file.url, (request, reply) => send(request, reply, file));
  }
}

function send(request: FastifyRequest, reply: FastifyReply, file: PageFile): FastifyReply {
  reply.headers({ ...HEADERS, etag: file.etag, "cache-control": file.hashed ? A_YEAR : "no-cache" });
  if (file.gzipped) reply.header("vary", "accept-encoding");
  if (request.headers["if-none-match"] === file.etag) return reply.code(304).send();
  reply.type(file.type);
  if (!file.gzipped || !/\bgzip\b/.test(String(request.headers["accept-encoding"]))) return reply.send(file.bytes);
  return reply.header("content-encoding", "gzip").send(file.gzipped);
}
