import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";
import { fastify, type RouteOptions } from "fastify";
import { Compile } from "typebox/schema";
import { expect, it } from "vitest";
import type { HttpParts } from "../../src/http/http-server.ts";
import { serializeAnswer } from "../../src/http/serialize-answer.ts";
import { validateRequest } from "../../src/http/validate-request.ts";
import { startHttp } from "./start-http.ts";

interface Answer {
  content?: Record<string, { schema?: object }>;
}

const NOBODY: NonNullable<NonNullable<HttpParts["web"]>["oidc"]> = {
  issuer: "https://id.example.com",
  allow: [],
  provider: {
    begin: () => Promise.reject(new Error("nobody signs in here")),
    finish: () => Promise.reject(new Error("nobody signs in here")),
  },
};

/** Schemas are compiled when they are needed, so a start does not say which of them cannot be. */
it("compiles every schema of every route, of requests and of answers", async () => {
  const http = await startHttp({
    web: { page: null, guests: true, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: NOBODY },
  });
  const routes: RouteOptions[] = [];
  http.app.addHook("onRoute", (route) => void routes.push(route));
  await http.app.ready();
  await http.stop();
  const asked = routes.flatMap(({ schema }) =>
    [schema?.params, schema?.querystring, schema?.headers, schema?.body].filter((part) => part !== undefined),
  );
  const answers = routes.flatMap(({ schema }) => Object.values((schema?.response ?? {}) as Record<string, Answer>));
  const answered = answers.flatMap((answer) =>
    answer.content ? Object.values(answer.content).flatMap(({ schema }) => schema ?? []) : [answer],
  );
  expect(routes.some(({ url }) => url.includes("/oidc/"))).toBe(true);
  expect(asked.length).toBeGreaterThan(80);
  expect(answered.length).toBeGreaterThan(80);
  for (const schema of asked) expect(() => Compile(schema as object), JSON.stringify(schema)).not.toThrow();
  const compile = SerializerSelector()({}, {});
  const route = { method: "GET", url: "/", httpStatus: "200" };
  for (const schema of answered) expect(() => compile({ ...route, schema }), JSON.stringify(schema)).not.toThrow();
});

it("answers with what the schema of that status names and nothing else, the first time and later", async () => {
  const app = fastify({
    schemaController: {
      compilersFactory: { buildValidator: () => validateRequest as never, buildSerializer: serializeAnswer },
    },
  });
  const has = (name: string) => ({ type: "object", properties: { [name]: { type: "string" } } });
  app.get("/thing", { schema: { response: { 200: has("name"), 404: has("code") } } }, (request, reply) => {
    const { status } = request.query as { status: string };
    return reply.code(status === "404" ? 404 : 200).send({ name: "a thing", code: "gone", secret: "sk-1" });
  });
  for (const _time of [1, 2]) {
    expect((await app.inject("/thing?status=200")).body).toBe('{"name":"a thing"}');
    expect((await app.inject("/thing?status=404")).body).toBe('{"code":"gone"}');
  }
  await app.close();
});
