import type { InputRichBlock, InputRichBlockListItem, RichText } from "grammy/types";

/** What is seen of a rich message, block under block; a table as rows of "| a | b |", tasks with their boxes. */
export function shownText(blocks: readonly InputRichBlock[], gap = "\n\n"): string {
  return blocks.map(shownBlock).join(gap);
}

function shownBlock(block: InputRichBlock): string {
  if (block.type === "paragraph" || block.type === "heading" || block.type === "pre") {
    return richText(block.text);
  }
  if (block.type === "blockquote") {
    return shownText(block.blocks);
  }
  if (block.type === "list") {
    return block.items.map(shownItem).join("\n");
  }
  if (block.type === "table") {
    return block.cells.map((row) => `| ${row.map(({ text }) => richText(text ?? "")).join(" | ")} |`).join("\n");
  }
  return "———";
}

function shownItem({ blocks, value, has_checkbox, is_checked }: InputRichBlockListItem): string {
  const number = value === undefined ? "" : `${value}.`;
  const box = has_checkbox === undefined ? "" : is_checked ? "☑" : "☐";
  const mark = `${number} ${box}`.trim() || "•";
  return `${mark} ${shownText(blocks, "\n").replaceAll("\n", "\n  ")}`.trimEnd();
}

/** Its words. */
export function richText(text: RichText): string {
  if (typeof text === "string") {
    return text;
  }
  if (Array.isArray(text)) {
    return text.map(richText).join("");
  }
  return "text" in text ? richText(text.text) : "";
}
