import { Type } from "typebox";
import type { AgentCard } from "../agent/agent-card.ts";
import type { Agents } from "../agent/agents.ts";
import { GatewayError } from "../errors.ts";
import { sendProblem } from "./answer-errors.ts";
import type { Api } from "./api.ts";
import { toOpenAIError } from "./openai-error.ts";

/** https://platform.openai.com/docs/api-reference/models/object */
const ModelJson = Type.Object({
  id: Type.String({ description: "The name of an agent." }),
  object: Type.Literal("model"),
  created: Type.Integer({ description: "When the gateway started." }),
  owned_by: Type.String(),
  description: Type.String(),
});

/** Agents that people can choose, as OpenAI's API lists models; who answers unless one is chosen comes first. */
export function modelRoutes(app: Api, agents: Agents): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, toOpenAIError));
  const created = Math.floor(Date.now() / 1000);
  const toModel = ({ name, description }: AgentCard) => {
    return { id: name, object: "model" as const, created, owned_by: "parley", description };
  };

  app.route({
    method: "GET",
    url: "/v1/models",
    config: { scope: "agents:read" },
    schema: {
      summary: "List agents as models; the one that answers unless another is chosen comes first",
      response: { 200: Type.Object({ object: Type.Literal("list"), data: Type.Array(ModelJson) }) },
    },
    handler: async () => {
      const first = agents.default().name;
      const cards = agents.list().toSorted((one, other) => Number(other.name === first) - Number(one.name === first));
      return { object: "list" as const, data: cards.map(toModel) };
    },
  });

  app.route({
    method: "GET",
    url: "/v1/models/:id",
    config: { scope: "agents:read" },
    schema: {
      summary: "Read an agent as a model",
      params: Type.Object({ id: Type.String() }),
      response: { 200: ModelJson },
    },
    handler: async (request) => {
      const card = agents.list().find(({ name }) => name === request.params.id);
      if (!card) throw new GatewayError("not_found", "There is no such agent.");
      return toModel(card);
    },
  });
}
