import { Type } from "typebox";
import type { AgentService } from "../talk/agent-service.ts";
import type { Sessions } from "../talk/sessions.ts";
import type { Api } from "./api.ts";
import { operatorOf, userOf } from "./authenticate.ts";
import { callerOf, SessionParams } from "./session-routes.ts";

const ApprovalJson = Type.Object({
  approval_id: Type.String(),
  run_id: Type.String(),
  call_id: Type.String(),
  tool: Type.String(),
  arguments: Type.String({ description: "JSON, as the model wrote it." }),
  again: Type.Boolean({ description: "The call was under way when a process ended, and may have been done." }),
  expires_at: Type.String({ format: "date-time" }),
});

/** Calls of tools that wait for a person. What a message or a call claims of approvals has no effect. */
export function approvalRoutes(app: Api, service: AgentService, sessions: Sessions): void {
  app.route({
    method: "GET",
    url: "/v1/sessions/:id/approvals",
    config: { scope: "sessions:read" },
    schema: {
      summary: "List the calls that wait for approval",
      params: SessionParams,
      response: { 200: Type.Object({ approvals: Type.Array(ApprovalJson) }) },
    },
    handler: async (request) => {
      const session = await sessions.find(callerOf(request), request.params.id);
      const open = await service.listApprovals(session.user_id, session.id);
      const approvals = open.map(({ id, runId, callId, tool, args, again, expiresAt }) => {
        const named = { approval_id: id, run_id: runId, call_id: callId, tool, arguments: args, again };
        return { ...named, expires_at: expiresAt.toISOString() };
      });
      return { approvals };
    },
  });

  app.route({
    method: "POST",
    url: "/v1/sessions/:id/approvals/:approval",
    config: { scope: "sessions:write" },
    schema: {
      summary: "Approve or deny a call, once",
      params: Type.Object({ ...SessionParams.properties, approval: Type.String() }),
      body: Type.Object(
        { decision: Type.Union([Type.Literal("approved"), Type.Literal("denied")]) },
        { additionalProperties: false },
      ),
      response: { 204: Type.Null() },
    },
    handler: async (request, reply) => {
      const { id, approval } = request.params;
      const user = userOf(request);
      const session = await sessions.find({ reach: { kind: "user", user }, user }, id);
      await service.decideApproval(user, session.id, approval, request.body.decision, operatorOf(request));
      return reply.code(204).send(null);
    },
  });
}
