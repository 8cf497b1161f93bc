import { memo } from "../kit/memo.ts";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../kit/icons.tsx";
import { texts } from "../texts/texts.ts";
import { readMarkdown } from "./read-markdown.ts";

/** Read again only when it has grown: while one answer does, those above it are left alone. */
export const MarkdownView = memo(({ text }: { text: string }) => (
  <div class="markdown">
    {readMarkdown(text).map((piece, index) =>
      piece.kind === "code" ? (
        <CodeBlock key={index} text={piece.text} language={piece.language} />
      ) : (
        <HtmlPiece key={index} html={piece.html} wide={piece.kind === "table"} />
      ),
    )}
  </div>
));

const HtmlPiece = memo(({ html, wide }: { html: string; wide: boolean }) => (
  // Sanitised where it was made: readMarkdown.
  <div
    class={wide ? "wide" : undefined}
    tabIndex={wide ? 0 : undefined}
    role={wide ? "group" : undefined}
    dangerouslySetInnerHTML={{ __html: html }}
  />
));

const CodeBlock = memo(({ text, language }: { text: string; language: string }) => {
  const code = useRef<HTMLElement>(null);
  const undo = useRef(() => {});
  useEffect(() => {
    let current = true;
    // Loaded by the first talk that has code.
    const highlight = async () => {
      const { highlightCode } = await import("./highlight-code.ts");
      if (current) undo.current = highlightCode(code.current!, language, undo.current);
    };
    if (text !== "") void highlight();
    return () => void (current = false);
  }, [text, language]);
  useEffect(() => () => undo.current(), []);
  const name = language.trim().split(/\s/)[0] || texts().code;
  return (
    <figure class="code" aria-label={name}>
      <figcaption>
        <span>{name}</span>
        <CopyButton text={text} />
      </figcaption>
      <pre tabIndex={0}>
        <code ref={code}>
          {piecesOf(text).map((piece, index) => (
            <span key={index}>{piece}</span>
          ))}
        </code>
      </pre>
    </figure>
  );
});

/** Coloured one by one; ten lines each. */
function piecesOf(code: string): string[] {
  return code.match(/(?:[^\n]*\n){1,10}|[^\n]+$/g) ?? [];
}

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const label = copied ? texts().copied : texts().copy;
  // Browsers have it over https and at loopback addresses only.
  if (!("clipboard" in navigator)) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <button type="button" class="button icon small" aria-label={label} title={label} onClick={() => void copy()}>
      <Icon name={copied ? "check" : "copy"} />
    </button>
  );
}
