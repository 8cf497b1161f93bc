import { useState } from "preact/hooks";
import { texts } from "../texts/texts.ts";
import type { Block } from "./live-run.ts";
import { indented } from "./tool-card.tsx";

type Approval = Extract<Block, { kind: "approval" }>;

/** A call that waits for a person's word. */
export function ApprovalCard(props: {
  block: Approval;
  decide: (approval: string, decision: "approved" | "denied") => Promise<void>;
}) {
  const { block, decide } = props;
  const said = texts();
  const [busy, setBusy] = useState(false);
  const say = (decision: "approved" | "denied") => {
    setBusy(true);
    void decide(block.approval, decision).finally(() => setBusy(false));
  };
  const outcomes: Record<string, string> = {
    approved: said.approved,
    denied: said.denied,
    expired: said.expired,
    cancelled: said.cancelled,
  };
  return (
    <section class="card ask" aria-label={`${said.mayI} ${block.tool}`}>
      <p class="ask-title">
        {said.mayI} <strong>{block.tool}</strong>
      </p>
      {block.again && <p>{said.askedAgain}</p>}
      <pre tabIndex={0} aria-label={said.arguments} role="group">
        {indented(block.args)}
      </pre>
      {block.decision === null ? (
        <div class="ask-buttons">
          <button type="button" class="button primary" disabled={busy} onClick={() => say("approved")}>
            {said.approve}
          </button>
          <button type="button" class="button" disabled={busy} onClick={() => say("denied")}>
            {said.deny}
          </button>
        </div>
      ) : (
        <p class="ask-outcome">{outcomes[block.decision] ?? block.decision}</p>
      )}
    </section>
  );
}
