import type { FastifyReply, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import type { Agents } from "../agent/agents.ts";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { Root } from "../store/schema.ts";
import { namedSession } from "../store/session-reach.ts";
import type { UsageRow } from "../store/usage.ts";
import type { AgentService, TalkSession } from "../talk/agent-service.ts";
import { type AnswerEvent, followAnswer, toAnswerError } from "../talk/follow-answer.ts";
import { keepAnswer, keepTurnImages, openTalk } from "../talk/open-talk.ts";
import { sendProblem } from "./answer-errors.ts";
import type { Api } from "./api.ts";
import { principalOf, userOf } from "./authenticate.ts";
import { askText, CompletionJson, type CompletionOf, toChunk, toCompletion, toUsageChunk } from "./completion-json.ts";
import type { EventStreams } from "./event-streams.ts";
import type { HttpLimits } from "./http-limits.ts";
import { toOpenAIError } from "./openai-error.ts";
import { toProblem } from "./problem.ts";
import { CompletionRequest, readCompletion, sessionNamed } from "./read-completion.ts";
import { writeFrames } from "./write-events.ts";

/** Clients without sessions send every picture of the talk again. */
const BODY_BYTES = 16 * 1024 * 1024;
/** A run may take 15 minutes (run-worker.ts), and wait for the one before it. */
const ANSWER_MS = 20 * 60_000;

export interface CompletionParts {
  db: Root;
  service: AgentService;
  agents: Agents;
}

/** What was asked, and how its answer is shaped. */
interface Asked {
  session: TalkSession;
  events: AsyncIterable<AnswerEvent>;
  /** Keeps by what its client will go on. */
  answered: (text: string) => Promise<void>;
  withUsage: boolean;
}

/**
 * OpenAI's chat completions, for its clients and for chat front ends: a model is an agent, and a request is a message in
 * a session, answered by an ordinary run.
 */
export function completionRoutes(app: Api, parts: CompletionParts, streams: EventStreams, limits: HttpLimits): void {
  const { service } = parts;
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, toOpenAIError));

  app.route({
    method: "POST",
    url: "/v1/chat/completions",
    config: { scope: "sessions:write" },
    bodyLimit: BODY_BYTES,
    handlerTimeout: ANSWER_MS,
    schema: {
      summary: "Ask an agent as OpenAI's chat completions do",
      description:
        "With `stream`, the answer comes as `chat.completion.chunk` events and ends with `[DONE]`. A client that leaves " +
        "ends the answer. Without a session, one is made of `messages`, and gone on with when all of them come again.",
      body: CompletionRequest,
      response: { 200: CompletionJson },
    },
    handler: async (request, reply) => {
      const created = Math.floor(Date.now() / 1000);
      const { body } = request;
      const user = await askerOf(service, request, body.user);
      const stream = streams.open(user);
      const { socket } = request.raw;
      let left = false;
      reply.raw.once("close", () => {
        left = !reply.raw.writableFinished;
        stream.end();
      });
      // Nothing moves on it while an agent thinks. An injected request has none.
      socket.setTimeout?.(ANSWER_MS);
      try {
        const asked = await ask(parts, request, user, AbortSignal.any([stream.signal, AbortSignal.timeout(ANSWER_MS)]));
        const { session } = asked;
        const of: CompletionOf = { model: body.model, session: session.id, created, run: null, trace: null };
        const answer = new Answer(asked, of, service);
        reply.header("x-session-id", session.id);
        try {
          if (body.stream !== true) return await answer.whole(reply);
          reply.raw.setHeader("x-request-id", request.id);
          reply.raw.setHeader("x-session-id", session.id);
          reply.hijack();
          await writeFrames(
            reply.raw,
            answer.frames(request, () => !left),
            limits,
            stream.signal,
          );
          return undefined;
        } finally {
          if (left && !answer.over) await service.stop(session.userId, session.id);
        }
      } catch (error) {
        if (!reply.sent) throw error;
        request.log.warn({ err: error }, "a streamed completion was cut off");
        return undefined;
      } finally {
        if (!socket.destroyed) socket.setTimeout?.(limits.idleMs);
        stream.release();
      }
    },
  });
}

async function ask(
  parts: CompletionParts,
  request: FastifyRequest<{ Body: Static<typeof CompletionRequest> }>,
  user: UserId,
  signal: AbortSignal,
): Promise<Asked> {
  const { db, service } = parts;
  const { body } = request;
  const agent = parts.agents.list().find(({ name }) => name === body.model);
  if (!agent) throw new GatewayError("not_found", `There is no agent "${body.model.slice(0, 64)}" for this model.`);
  const { wish, past, turn } = readCompletion(body);
  const named = sessionNamed(body, request.headers["x-session-id"]);
  const sent = { agent, name: body.user ?? null, wish, past, turn };
  const caller = { reach: { kind: "user", user }, user } as const;
  const own = named && (await service.getSession(user, (await namedSession(db, caller, named)) ?? named));
  const { session, before } = own
    ? { session: own, before: await keepTurnImages(db, own.userId, own.id, turn) }
    : await openTalk(parts, user, sent);
  const { keyId } = principalOf(request);
  const message = { text: turn.text, before, keyId, ...(session.agent === agent.name ? {} : { agent: agent.name }) };
  const { events } = await followAnswer(parts, session, message, signal);
  return {
    session,
    events,
    withUsage: body.stream_options?.include_usage === true,
    async answered(text) {
      if (own === null) await keepAnswer(db, await service.getSession(session.userId, session.id), sent, text);
    },
  };
}

/** An operator's key asks for whom the header Parley-User, the field `user` or the front end's header names. */
async function askerOf(service: AgentService, request: FastifyRequest, user: string | undefined): Promise<UserId> {
  const { bound } = principalOf(request);
  if (bound.kind !== "operator" || request.headers["parley-user"] !== undefined) return userOf(request);
  // https://docs.openwebui.com/reference/env-configuration#enable_forward_user_info_headers
  const forwarded = request.headers["x-openwebui-user-id"];
  if (user !== undefined && user.trim() !== "") return service.actFor(user.trim());
  if (typeof forwarded === "string" && forwarded.trim() !== "") return service.actFor(`openwebui:${forwarded.trim()}`);
  return userOf(request);
}

/** One answer on its way out. */
class Answer {
  /** It has ended, whoever reads it. */
  over = false;
  readonly #asked: Asked;
  readonly #of: CompletionOf;
  readonly #service: AgentService;

  constructor(asked: Asked, of: CompletionOf, service: AgentService) {
    this.#asked = asked;
    this.#of = of;
    this.#service = service;
  }

  async whole(reply: FastifyReply): Promise<ReturnType<typeof toCompletion>> {
    let text = "";
    for await (const event of this.#asked.events) {
      if (event.type === "started") {
        Object.assign(this.#of, { run: event.run, trace: event.trace });
        if (event.trace !== null) reply.header("x-trace-id", event.trace);
      } else if (event.type === "text") text += event.text;
      else {
        this.over = true;
        if (event.type === "failed") {
          // It was asked and counts: to ask again is the person's choice.
          reply.header("x-should-retry", "false");
          throw toAnswerError(event);
        }
        const more = this.#ending(event);
        text += text === "" ? more.trimStart() : more;
        if (event.type === "ended") await this.#asked.answered(text);
        return toCompletion(this.#of, text, reasonOf(event), await this.#usage());
      }
    }
    throw new GatewayError("unavailable", "The answer took too long, or the gateway is closing.");
  }

  async *frames(request: FastifyRequest, isRead: () => boolean): AsyncGenerator<string> {
    try {
      yield* this.#chunks();
    } catch (error) {
      if (!isRead()) return;
      request.log.warn({ err: error }, "a streamed completion failed");
      yield frame(toOpenAIError(toProblem(error, request.id)));
    }
    yield "data: [DONE]\n\n";
  }

  async *#chunks(): AsyncGenerator<string> {
    const of = this.#of;
    let text = "";
    for await (const event of this.#asked.events) {
      if (event.type === "started") {
        const first = of.run === null;
        Object.assign(of, { run: event.run, trace: event.trace });
        if (first) yield frame(toChunk(of, { role: "assistant", content: "" }, null));
      } else if (event.type === "text") {
        text += event.text;
        yield frame(toChunk(of, { content: event.text }, null));
      } else {
        this.over = true;
        if (event.type === "failed") throw toAnswerError(event);
        const more = this.#ending(event);
        if (more !== "") yield frame(toChunk(of, { content: text === "" ? more.trimStart() : more }, null));
        if (event.type === "ended") await this.#asked.answered(text);
        yield frame(toChunk(of, {}, reasonOf(event)));
        if (this.#asked.withUsage) yield frame(toUsageChunk(of, await this.#usage()));
        return;
      }
    }
    throw new GatewayError("unavailable", "The answer took too long, or the gateway is closing.");
  }

  #ending(event: AnswerEvent): string {
    return event.type === "asks" ? `\n\n${askText(this.#of.session, event.questions)}` : "";
  }

  async #usage(): Promise<UsageRow[]> {
    const { userId, id } = this.#asked.session;
    return this.#of.run === null ? [] : this.#service.readUsage(userId, id, this.#of.run);
  }
}

function reasonOf(event: AnswerEvent): string {
  return event.type === "ended" ? event.reason : "stop";
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
