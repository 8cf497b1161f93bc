/** Routes that need no key. */
export const OPEN = [
  "GET /healthz",
  "GET /openapi.json",
  "GET /readyz",
  "GET /v1/sign-in",
  "GET /v1/version",
  "POST /v1/sign-in",
  "POST /v1/sign-in/guest",
  "POST /v1/sign-in/whose",
  "POST /v1/sign-out",
];

/** Operators' alone: any other key gets 403, whatever it asks for. */
export const OPERATORS = [
  "DELETE /v1/agents/{name}",
  "DELETE /v1/keys/{id}",
  "DELETE /v1/users/{id}",
  "GET /metrics",
  "GET /v1/agents/{name}/card",
  "GET /v1/agents/{name}/card/versions/{no}",
  "GET /v1/audit",
  "GET /v1/budgets",
  "GET /v1/deliveries",
  "GET /v1/housekeeping",
  "GET /v1/keys",
  "GET /v1/keys/{id}",
  "GET /v1/overview",
  "GET /v1/pairings",
  "GET /v1/places",
  "GET /v1/places/versions/{no}",
  "GET /v1/platforms",
  "GET /v1/users",
  "GET /v1/users/{id}",
  "GET /v1/users/{id}/erasure",
  "GET /v1/users/{id}/export",
  "PATCH /v1/agents/{name}",
  "PATCH /v1/keys/{id}",
  "PATCH /v1/users/{id}",
  "POST /v1/agents",
  "POST /v1/agents/{name}/card/revert",
  "POST /v1/agents/{name}/test",
  "POST /v1/deliveries/{post}/resolve",
  "POST /v1/deliveries/{post}/retry",
  "POST /v1/keys",
  "POST /v1/keys/{id}/rotate",
  "POST /v1/pairings/{code}/approve",
  "POST /v1/places/revert",
  "POST /v1/sign-in/links",
  "POST /v1/users/{id}/sign-out",
  "PUT /v1/agents/{name}/card",
  "PUT /v1/places",
];

/** Name somebody's thing, in the path or in the body: somebody else's is not there, 404. */
export const NAMING: Record<string, object | null> = {
  "DELETE /v1/feedback/{id}": null,
  "DELETE /v1/sessions/{id}": null,
  "GET /v1/feedback/{id}": null,
  "GET /v1/sessions/{id}": null,
  "GET /v1/sessions/{id}/approvals": null,
  "GET /v1/sessions/{id}/cost_data": null,
  "GET /v1/sessions/{id}/events": null,
  "GET /v1/sessions/{id}/news": null,
  "GET /v1/sessions/{id}/files/{file}": null,
  "GET /v1/sessions/{id}/messages": null,
  "GET /v1/sessions/{id}/reasoning": null,
  "GET /v1/sessions/{id}/runs": null,
  "GET /v1/sessions/{id}/usage": null,
  "GET /v1/traces/{id}": null,
  "PATCH /v1/feedback/{id}": { rating: 1 },
  "PATCH /v1/sessions/{id}": { title: "taken" },
  "POST /v1/feedback": { run_id: "{run}", rating: 1 },
  "POST /v1/sessions/{id}/approvals/{approval}": { decision: "approved" },
  "POST /v1/sessions/{id}/files": null,
  "POST /v1/sessions/{id}/fork": {},
  "POST /v1/sessions/{id}/messages": { text: "Is anybody there?" },
  "POST /v1/sessions/{id}/revert": { to_message_index: 0 },
  "POST /v1/sessions/{id}/runs/{run}/cancel": {},
  "POST /v1/sessions/{id}/stop": {},
  "PUT /v1/sessions/{id}": { messages: [] },
};

/** An agent writes and decides nothing in a person's stead: 403, in whose session ever. */
export const FOR_PEOPLE = [
  "POST /v1/sessions/{id}/approvals/{approval}",
  "POST /v1/sessions/{id}/files",
  "POST /v1/sessions/{id}/messages",
];

/** Show what the key reaches: nothing of anybody else, also where a filter names them. */
export const LISTS = [
  "GET /v1/feedback",
  "GET /v1/feedback/export",
  "GET /v1/feedback/stats",
  "GET /v1/runs",
  "GET /v1/sessions",
  "GET /v1/traces",
];

/** Writes under an id that its caller chooses: one that is taken by somebody else is refused, 403. */
export const TOLD = "POST /v1/traces";

/** Tell of whoever calls, and an agent is no person: 403. */
export const OWN = ["GET /v1/me", "PATCH /v1/me"];

/** Name no person's thing in their path: they make a new one of the caller's, or tell of the agents there are. */
export const OTHERS = [
  "GET /v1/agents",
  "GET /v1/agents/{name}",
  "GET /v1/models",
  "GET /v1/models/{id}",
  "POST /v1/chat/completions",
  "POST /v1/sessions",
];
