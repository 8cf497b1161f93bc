import type { FastifyDynamicSwaggerOptions } from "@fastify/swagger";
import { Type } from "typebox";
import type { Api } from "./api.ts";
import { API_VERSION } from "./version-routes.ts";

const REFUSED = {
  description: "What went wrong",
  content: {
    "application/problem+json": {
      schema: Type.Object({
        type: Type.String(),
        title: Type.String(),
        status: Type.Integer(),
        detail: Type.String(),
        code: Type.String(),
        errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
        request_id: Type.Optional(Type.String()),
      }),
    },
  },
};

/** How the description is made from the routes: each says which scope its key must have. */
export function describeApi(): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Parley",
        version: API_VERSION,
        description:
          "Talk to agents. Errors are application/problem+json (RFC 9457). " +
          "The header Parley-User names the person whom an admin key acts for.",
      },
      components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
    },
    transform: ({ schema, url, route }) => {
      const scope = route.config?.scope;
      const response = { ...(schema.response as object), default: REFUSED };
      const security = scope === undefined ? [] : [{ key: [scope] }];
      return { schema: { ...schema, response, security }, url };
    },
  };
}

export function openApiRoutes(app: Api): void {
  let description: string | null = null;
  app.route({
    method: "GET",
    url: "/openapi.json",
    schema: { summary: "This description" },
    handler: async (_request, reply) => {
      description ??= JSON.stringify(app.swagger());
      return reply.type("application/json; charset=utf-8").send(description);
    },
  });
}
