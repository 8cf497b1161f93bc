import { toolSettings } from "../agent/agent-settings.ts";
import { guardTools } from "../agent/guard-tools.ts";
import { fitsGlob, policyOf, type ToolPolicy } from "../agent/tool-policy.ts";
import type { ToolCall, ToolSource } from "../agent/tool-source.ts";
import { approvedAmong } from "../store/identities.ts";
import { useApproval } from "../store/approvals.ts";
import { errorCode } from "../errors.ts";
import { newId } from "../ids.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";

const NOT_APPROVED = "Not called: nobody has approved this call with these arguments.";
const NOT_ASKED = "Not called: this tool needs a person's approval, and only the agent that talks with people can ask.";

/** What a run's agents may do with their tools, as the operator has set it for them and for the place. */
export class RunToolGuard {
  readonly #room: RunRoom;
  readonly #claimed: ClaimedRun;
  readonly #surely: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #used = new Set<string>();
  /** Somebody asked whom the operator does not know: only what is offered to everybody there. */
  #strangers = false;

  constructor(room: RunRoom, claimed: ClaimedRun, surely: <T>(work: () => Promise<T>) => Promise<T>) {
    this.#room = room;
    this.#claimed = claimed;
    this.#surely = surely;
  }

  /**
   * Takes note of who has asked in a group, by their ids on the platform. Whoever is let in only because everybody is
   * counts as a stranger: neither listed in the settings nor paired.
   */
  async meet(authors: readonly string[]): Promise<void> {
    const { target, agent } = this.#claimed;
    const { access, db, agents } = this.#room;
    if (this.#strangers || access.mode !== "open" || target?.placeKind !== "group") return;
    const platform = target.account.split(":")[0] ?? "";
    const { approvers } = toolSettings(agents.settings(), agent, target);
    const unlisted = authors.filter((id) => {
      const name = `${platform}:${id}`;
      return !access.allowedUsers.has(name) && !approvers.includes(name);
    });
    if (unlisted.length === 0) return;
    const approved = await this.#surely(() => approvedAmong(db, platform, [...unlisted]));
    this.#strangers = unlisted.some((id) => !approved.has(id));
  }

  /** The tools of the agent that talks with people. */
  own(tools: ToolSource): ToolSource {
    const { agent } = this.#claimed;
    const policy = (tool: string) => this.#policyOf(agent, tool);
    return guardTools(tools, { policyOf: policy, asks: true, refusal: (call) => this.#use(call) });
  }

  /** Those of an agent that it calls. */
  ofChild(agent: string, tools: ToolSource): ToolSource {
    const policy = (tool: string) => this.#policyOf(agent, tool);
    return guardTools(tools, { policyOf: policy, asks: false, refusal: async () => NOT_ASKED });
  }

  #policyOf(agent: string, tool: string): ToolPolicy {
    // Asked each time: what an operator forbids meanwhile is not called any more.
    const { policies, offer } = toolSettings(this.#room.agents.settings(), agent, this.#claimed.target);
    const isOffered = offer ? offer.some((glob) => fitsGlob(glob, tool)) : !this.#strangers;
    return isOffered ? policyOf(policies, tool) : "deny";
  }

  async #use(call: ToolCall): Promise<string | null> {
    const nonce = newId("apr");
    try {
      if (this.#used.has(call.callId)) return NOT_APPROVED;
      this.#used.add(call.callId);
      const isApproved = await this.#surely(() => useApproval(this.#room.db, this.#claimed, call, nonce));
      return isApproved ? null : NOT_APPROVED;
    } catch (error) {
      this.#room.log.error(
        { err: error, run_id: this.#claimed.id, code: errorCode(error) },
        "an approval was not found",
      );
      return NOT_APPROVED;
    }
  }
}
