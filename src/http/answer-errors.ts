import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { GatewayError } from "../errors.ts";
import type { Metrics } from "../observe/metrics.ts";
import { isRowRefusal } from "../store/reach.ts";
import { problem, type Problem, PROBLEM_TYPE, retryAfterSeconds, toProblem } from "./problem.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** Makes every refusal and failure of the server a problem, and what is a bug a line in the log. */
export function answerErrors(app: FastifyInstance, metrics: Metrics): void {
  app.setErrorHandler((error, request, reply) => {
    if (isRowRefusal(error)) {
      metrics.rowRefusals.inc();
      request.log.error({ err: error }, "the database refused what a statement should not have tried");
    }
    return sendProblem(error, request, reply);
  });

  // Before the body is read: nobody has to send one to learn that nothing is here.
  app.addHook("onRequest", async (request) => {
    if (!request.is404) return;
    const allowed = METHODS.filter((method) => app.findRoute({ method, url: pathOf(request.raw) }));
    throw allowed.length > 0 ? new MethodNotAllowed(allowed) : new GatewayError("not_found", "Nothing is here.");
  });
}

/** Answers a request with what is to be said about an error; `besides`: in another API's words, too. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  besides: (answer: Problem) => object = () => ({}),
): FastifyReply {
  if (error instanceof MethodNotAllowed) {
    reply.header("allow", error.allowed.join(", "));
    return send(reply, problem(405, "invalid", "This method is not allowed here."));
  }
  const answer = toProblem(error, request.id);
  if (answer.status === 500) request.log.error({ err: error }, "a request failed");
  // Who has left is not served, and that is no trouble.
  else if (answer.status === 503 && !reply.raw.destroyed)
    request.log.warn({ err: error }, "a request could not be served");
  const seconds = retryAfterSeconds(answer.status, error);
  if (seconds !== null) reply.header("retry-after", seconds);
  if (answer.status === 401) reply.header("www-authenticate", "Bearer");
  // Fastify would cut the connection, and with it what the client has not read yet.
  if (answer.status === 413) reply.removeHeader("connection");
  return send(reply, { ...answer, ...besides(answer) });
}

/** For what breaks before there is a request: bad HTTP, headers that are too large or too slow. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const answer = clientProblem(error.code);
  const body = JSON.stringify(answer);
  socket.end(
    `HTTP/1.1 ${answer.status} ${answer.title}\r\nconnection: close\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function clientProblem(code: string | undefined): Problem {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return problem(408, "invalid", "The request came too slowly.");
  if (code === "HPE_HEADER_OVERFLOW") return problem(431, "too_large", "The headers are too large.");
  return problem(400, "invalid", "This is no HTTP request.");
}

class MethodNotAllowed extends Error {
  readonly allowed: readonly string[];

  constructor(allowed: readonly string[]) {
    super("method not allowed");
    this.allowed = allowed;
  }
}

/** As text, so that no response schema of the route has a say. */
function send(reply: FastifyReply, answer: Problem): FastifyReply {
  return reply.code(answer.status).type(PROBLEM_TYPE).send(JSON.stringify(answer));
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0] ?? "/";
}
