import { type ApprovalId, readId } from "../ids.ts";

const WORDS = { approved: "approve:", denied: "deny:" } as const;

/** What the buttons under a question bring back: the question and the decision, and no right to take it. */
export function decisionValue(approval: ApprovalId, decision: keyof typeof WORDS): string {
  return `${WORDS[decision]}${approval}`;
}

/** The decision that a pressed button means; null = it is no button of a question of ours. */
export function readDecisionValue(value: string): { approval: ApprovalId; decision: keyof typeof WORDS } | null {
  for (const decision of ["approved", "denied"] as const) {
    const word = WORDS[decision];
    const approval = value.startsWith(word) ? readId("apr", value.slice(word.length)) : null;
    if (approval) return { approval, decision };
  }
  return null;
}
