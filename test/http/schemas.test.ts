import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";
import { fastify } from "fastify";
import { Compile } from "typebox/schema";
import { expect, it } from "vitest";
import { serializeAnswer } from "../../src/http/serialize-answer.ts";
import { validateRequest } from "../../src/http/validate-request.ts";
import { startHttp } from "./start-http.ts";

interface Content {
  content?: Record<string, { schema?: object }>;
}
interface Operation {
  parameters?: { schema: object }[];
  requestBody?: Content;
  responses: Record<string, Content>;
}

/** Schemas are compiled when they are needed, so a start does not say which of them cannot be. */
it("compiles every schema of the API, of requests and of answers", async () => {
  const http = await startHttp();
  const { paths } = (await http.app.inject("/openapi.json")).json<{
    paths: Record<string, Record<string, Operation>>;
  }>();
  await http.stop();
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const inside = ({ content = {} }: Content) => Object.values(content).flatMap(({ schema }) => schema ?? []);
  const asked = operations.flatMap(({ parameters = [], requestBody = {} }) => [
    ...parameters.map(({ schema }) => schema),
    ...inside(requestBody),
  ]);
  const answered = operations.flatMap(({ responses }) => Object.values(responses).flatMap(inside));
  expect(asked.length).toBeGreaterThan(100);
  expect(answered.length).toBeGreaterThan(150);
  for (const schema of asked) expect(() => Compile(schema), JSON.stringify(schema)).not.toThrow();
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
