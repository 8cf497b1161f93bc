import { Icon } from "../kit/icons.tsx";
import { texts } from "../texts/texts.ts";
import { FileLink } from "./file-view.tsx";
import type { Block } from "./live-run.ts";

type Tool = Extract<Block, { kind: "tool" }>;

/** What an agent did besides talking. Everything in it is text, whatever it looks like. */
export function ToolCard({ block, live, session }: { block: Tool; live: boolean; session: string }) {
  const said = texts();
  const state = block.state === "running" && !live ? "failed" : block.state;
  const words = { running: said.running, done: said.done, failed: said.failed }[state];
  return (
    <details class={`card ${state}`}>
      <summary>
        <Icon name="tool" />
        <span class="card-name">{block.tool}</span>
        {block.progress !== "" && <span class="card-more">{block.progress}</span>}
        <span class="card-state">
          {words}
          {block.ms !== null && Number.isFinite(block.ms) ? ` · ${(block.ms / 1000).toFixed(1)} s` : ""}
        </span>
      </summary>
      <Labelled name={said.arguments} text={indented(block.args)} />
      {block.result !== "" && <Labelled name={said.result} text={block.result} />}
      {block.file !== null && <FileLink session={session} file={block.file} name={said.file} />}
    </details>
  );
}

/** What the model thought; as it comes for whoever opened it. */
export function ThoughtCard({ block, thinks }: { block: Extract<Block, { kind: "thought" }>; thinks: boolean }) {
  const said = texts();
  const seconds = Math.max(1, Math.round(block.ms / 1000));
  return (
    <details class="card thought">
      <summary>
        <Icon name="more" />
        <span>{thinks ? said.thinking : said.thought.replace("{n}", String(seconds))}</span>
      </summary>
      <pre tabIndex={0} aria-label={said.reasoning} role="group" dir="auto">
        {block.text}
      </pre>
    </details>
  );
}

function Labelled({ name, text }: { name: string; text: string }) {
  return (
    <>
      <div class="card-label">{name}</div>
      <pre tabIndex={0} aria-label={name} role="group">
        {text}
      </pre>
    </>
  );
}

/** As the model wrote it, where that is no JSON. */
export function indented(args: string): string {
  try {
    return JSON.stringify(JSON.parse(args), null, 2);
  } catch {
    return args;
  }
}
