import { useRef, useState } from "preact/hooks";
import { Icon, IconButton } from "../kit/icons.tsx";
import { shownName } from "../kit/shown-name.ts";
import { texts } from "../texts/texts.ts";
import { ApprovalCard } from "./approval-card.tsx";
import { FileView } from "./file-view.tsx";
import type { Block, RunEnd } from "./live-run.ts";
import { CopyButton, MarkdownView } from "./markdown-view.tsx";
import type { Vote } from "./open-talk.ts";
import type { AnswerRow } from "./talk-rows.ts";
import { ThoughtCard, ToolCard } from "./tool-card.tsx";

export interface AnswerParts {
  row: AnswerRow;
  session: string;
  /** Answers grow while they are written. */
  streaming: boolean;
  vote: Vote | null;
  canTrace: boolean;
  decide: (approval: string, decision: "approved" | "denied") => Promise<void>;
  rate: (runId: string, vote: Vote) => void;
  again: (runId: string) => void;
}

export function AnswerView(parts: AnswerParts) {
  const { row, session, streaming, decide, again } = parts;
  const said = texts();
  const hidden = row.live && !streaming;
  const asks = row.blocks.some((block) => block.kind === "approval" && block.decision === null);
  return (
    <article class="answer" aria-label={row.agent || said.agent}>
      {row.agent !== "" && <div class="author">{row.agent}</div>}
      {row.blocks.map((block, index) => (
        <BlockView
          key={index}
          block={block}
          newest={index === row.blocks.length - 1}
          live={row.live}
          hidden={hidden}
          session={session}
          decide={decide}
        />
      ))}
      {row.live && row.last && !asks && <Working notice={row.notice} />}
      {row.last && row.end && <EndView end={row.end} retry={() => again(row.runId)} />}
      {row.last && !row.live && row.blocks.length > 0 && <AnswerBar {...parts} />}
    </article>
  );
}

function BlockView(props: {
  block: Block;
  /** Nothing came behind it yet. */
  newest: boolean;
  live: boolean;
  hidden: boolean;
  session: string;
  decide: AnswerParts["decide"];
}) {
  const { block, newest, live, hidden, session, decide } = props;
  switch (block.kind) {
    case "text":
      return hidden ? null : <MarkdownView text={block.text} />;
    case "tool":
      return <ToolCard block={block} live={live} session={session} />;
    case "thought":
      return <ThoughtCard block={block} thinks={live && newest} />;
    case "approval":
      return <ApprovalCard block={block} decide={decide} />;
    case "file":
      return block.file === null ? (
        <span class="file">{shownName(block.name)}</span>
      ) : (
        <FileView {...block} session={session} file={block.file} />
      );
    case "joined":
      return null;
    default:
      return block satisfies never;
  }
}

function Working({ notice }: { notice: string }) {
  return (
    <div class="working">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span class={notice === "" ? "for-readers" : ""}>{notice || texts().thinking}</span>
    </div>
  );
}

function EndView({ end, retry }: { end: RunEnd; retry: () => void }) {
  const said = texts();
  if (end.type === "completed") {
    return end.reason === "stop" ? null : <p class="end">{said.tooLong}</p>;
  }
  if (end.type === "failed") {
    return (
      <div class="trouble">
        <p>{end.message || said.failedAnswer}</p>
        <button type="button" class="button" onClick={retry}>
          <Icon name="again" />
          {said.retry}
        </button>
      </div>
    );
  }
  const words = { stop: said.stopped, truncated: said.truncated }[end.reason] ?? said.interrupted;
  return <p class="end">{words}</p>;
}

function AnswerBar({ row, vote, canTrace, rate, again }: AnswerParts) {
  const said = texts();
  const [asking, setAsking] = useState<1 | -1 | null>(null);
  const bar = useRef<HTMLDivElement>(null);
  const text = row.blocks.flatMap((block) => (block.kind === "text" ? [block.text] : [])).join("\n\n");
  const press = (rating: 1 | -1) => {
    rate(row.runId, { rating, comment: vote?.rating === rating ? vote.comment : "" });
    setAsking(rating);
  };
  return (
    <>
      <div class="bar" ref={bar}>
        {text !== "" && <CopyButton text={text} />}
        <IconButton icon="again" class="small" label={said.regenerate} onClick={() => again(row.runId)} />
        {text !== "" && (
          <>
            <IconButton
              icon="up"
              class="small"
              label={said.goodAnswer}
              pressed={vote?.rating === 1}
              onClick={() => press(1)}
            />
            <IconButton
              icon="down"
              class="small"
              label={said.badAnswer}
              pressed={vote?.rating === -1}
              onClick={() => press(-1)}
            />
          </>
        )}
        {canTrace && row.traceId !== null && (
          <a class="button icon small" href={`/admin/traces/${row.traceId}`} aria-label={said.trace} title={said.trace}>
            <Icon name="trace" />
          </a>
        )}
      </div>
      {asking !== null && (
        <Reason
          question={asking === 1 ? said.whatWasGood : said.whatWasBad}
          before={vote?.comment ?? ""}
          done={(comment) => {
            if (comment !== null) rate(row.runId, { rating: asking, comment });
            setAsking(null);
            bar.current?.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
          }}
        />
      )}
    </>
  );
}

/** Null = nothing more is said. */
function Reason(props: { question: string; before: string; done: (comment: string | null) => void }) {
  const said = texts();
  const [comment, setComment] = useState(props.before);
  return (
    <form
      class="reason"
      onSubmit={(event) => {
        event.preventDefault();
        props.done(comment.trim());
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.isComposing) return;
        // An answer goes on.
        event.preventDefault();
        props.done(null);
      }}
    >
      <label>
        {props.question}
        <input
          class="field"
          value={comment}
          maxLength={2_000}
          onInput={(event) => setComment(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button">
        {said.send}
      </button>
    </form>
  );
}
