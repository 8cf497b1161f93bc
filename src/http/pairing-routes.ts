import { Type } from "typebox";
import { GatewayError } from "../errors.ts";
import type { AuditActor } from "../store/audit.ts";
import type { Api } from "./api.ts";
import { principalOf } from "./authenticate.ts";

/** Wrong codes within a window before none is looked at for a while, whoever sends them: the keys are the operator's. */
const MAX_WRONG = 5;
const WINDOW_MS = 600_000;
const BLOCK_MS = 300_000;

/** Resolves with null for a code that is unknown or over. */
export type ApprovePairing = (
  code: string,
  by: AuditActor,
) => Promise<{ platform: string; externalId: string; name: string } | null>;

/** Letting strangers in. */
export function pairingRoutes(app: Api, approve: ApprovePairing): void {
  const guesses = new CodeGuesses();
  app.route({
    method: "POST",
    url: "/v1/pairings/:code/approve",
    config: { scope: "pairings:approve" },
    schema: {
      summary: "Approve the stranger who was told this code",
      params: Type.Object({ code: Type.String() }),
      response: {
        200: Type.Object({ platform: Type.String(), external_id: Type.String(), name: Type.String() }),
      },
    },
    handler: async (request) => {
      guesses.check();
      const approved = await approve(request.params.code, principalOf(request));
      if (!approved) {
        guesses.wrong();
        throw new GatewayError("not_found", "There is no such code, or it is over.");
      }
      return { platform: approved.platform, external_id: approved.externalId, name: approved.name };
    },
  });
}

class CodeGuesses {
  #wrong: number[] = [];
  #blockedUntil = 0;

  /** Throws `rate_limited`. */
  check(): void {
    const retryAfterMs = this.#blockedUntil - performance.now();
    if (retryAfterMs > 0) throw new GatewayError("rate_limited", "Too many wrong codes.", { retryAfterMs });
  }

  wrong(): void {
    const now = performance.now();
    this.#wrong = [...this.#wrong.filter((at) => at > now - WINDOW_MS), now];
    if (this.#wrong.length < MAX_WRONG) return;
    this.#wrong = [];
    this.#blockedUntil = now + BLOCK_MS;
  }
}
