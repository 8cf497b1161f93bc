import { Type } from "typebox";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { changeChoices } from "../store/web-users.ts";
import type { AgentService } from "../talk/agent-service.ts";
import type { Api } from "./api.ts";
import { principalOf, userOf } from "./authenticate.ts";
import { BusyWord, LanguageWord, MeJson, readMe, type Ways } from "./me-json.ts";
import type { WebCookies } from "./web-cookies.ts";

/** Who calls, and what they have chosen for talks that belong to no chat. */
export function meRoutes(
  app: Api,
  { db, service, cookies, ways }: { db: Root; service: AgentService; cookies: WebCookies | null; ways: Ways },
): void {
  app.route({
    method: "GET",
    url: "/v1/me",
    config: { scope: "sessions:read" },
    schema: { summary: "Who calls, or whom the header Parley-User names", response: { 200: MeJson } },
    handler: (request) => readMe(db, userOf(request), principalOf(request), ways),
  });

  app.route({
    method: "PATCH",
    url: "/v1/me",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Choose a language, what a message does while an answer is written, and who answers; null = the default",
      body: Type.Object(
        {
          language: Type.Optional(Type.Union([LanguageWord, Type.Null()])),
          on_busy: Type.Optional(Type.Union([BusyWord, Type.Null()])),
          agent: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()])),
        },
        { additionalProperties: false, minProperties: 1 },
      ),
      response: { 200: MeJson },
    },
    handler: async (request) => {
      const user = userOf(request);
      const { language, on_busy: onBusy, agent } = request.body;
      const change = {
        ...(language !== undefined && { language }),
        ...(onBusy !== undefined && { onBusy }),
        ...(agent !== undefined && { agent: agent === null ? null : service.agentNamed(agent) }),
      };
      await retrying(() => changeChoices(db, user, change));
      cookies?.forgetUser(user);
      return readMe(db, user, principalOf(request), ways);
    },
  });
}
