import type { ApprovalDecision } from "../agent/run-event.ts";
import type { ApprovalId } from "../ids.ts";
import { decisionValue } from "../platform/decision-button.ts";
import type { PlatformAdapter, RenderedPage } from "../platform/platform-adapter.ts";
import { inCode } from "../texts/file-name.ts";
import type { Texts } from "../texts/texts.ts";
import { listArguments } from "./argument-digest.ts";

/** What a question is about. */
export interface AskedAbout {
  id: ApprovalId;
  agent: string;
  tool: string;
  args: string;
  again: boolean;
}

/** The question as the chat shows it while it is open. */
export function questionPage(adapter: PlatformAdapter, asked: AskedAbout, minutes: number, texts: Texts): RenderedPage {
  const page = render(adapter, `${about(asked, texts)}\n\n${texts.decideWithin(minutes)}`);
  const [yes, no] = asked.again ? [texts.repeatButton, texts.skipButton] : [texts.approveButton, texts.denyButton];
  const choices = [
    { value: decisionValue(asked.id, "approved"), label: yes },
    { value: decisionValue(asked.id, "denied"), label: no },
  ];
  return adapter.buttons?.withChoices(page, choices) ?? page;
}

/** The question when it is closed; `by`: the name of whoever decided, "" = nobody is named. */
export function answeredPage(
  adapter: PlatformAdapter,
  asked: AskedAbout,
  decision: ApprovalDecision,
  by: string,
  texts: Texts,
): RenderedPage {
  const who = by === "" ? "" : inCode(by, "");
  const first = {
    approved: texts.approvedBy(who),
    denied: texts.deniedBy(who),
    expired: texts.notDecidedInTime,
    cancelled: texts.notNeeded,
  };
  const again = {
    approved: texts.repeatedBy(who),
    denied: texts.skippedBy(who),
    expired: texts.notRepeatedInTime,
    cancelled: texts.notRepeated,
  };
  const said = (asked.again ? again : first)[decision];
  return render(adapter, `${about(asked, texts)}\n\n${said}`);
}

function about({ agent, tool, args, again }: AskedAbout, texts: Texts): string {
  const names = [inCode(agent, "…"), inCode(tool, "…")] as const;
  const head = again ? texts.mayCallAgain(...names) : texts.mayCall(...names);
  // Within code no platform looks for mentions and addresses.
  return [head, ...listArguments(args).map((line) => `\`${line.replaceAll("`", "'")}\``)].join("\n");
}

function render(adapter: PlatformAdapter, markdown: string): RenderedPage {
  return adapter.render(markdown)[0]!;
}
