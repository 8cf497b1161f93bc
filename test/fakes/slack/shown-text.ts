/** What a person reads of a message: the content of its blocks, or its text without them; buttons as "[Stop]". */
export function shownText(text: string, blocks: readonly Record<string, unknown>[] | null): string {
  if (blocks === null || blocks.length === 0) {
    return unescaped(text);
  }
  return blocks.map((block) => unescaped(blockText(block))).join("\n");
}

/** Slack shows these three entities as their characters, everywhere. */
function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function blockText(block: Record<string, unknown>): string {
  const { text, fields, elements, title } = block;
  const parts = [
    contentOf(text),
    contentOf(title),
    ...list(fields).map((field) => contentOf(field)),
    list(elements)
      .map((element) => elementText(element as Record<string, unknown>))
      .join(" "),
  ];
  const own = parts.filter((part) => part !== "").join("\n");
  return own === "" ? `(${String(block["type"])})` : own;
}

function elementText(element: Record<string, unknown>): string {
  const label = contentOf(element["text"]);
  if (element["type"] === "button" || element["type"] === "icon_button") {
    return `[${label}]`;
  }
  if (element["type"] === "feedback_buttons") {
    const thumbs = [element["positive_button"], element["negative_button"]];
    return thumbs.map((thumb) => `[${contentOf((thumb as Record<string, unknown>)["text"])}]`).join(" ");
  }
  const inner = list(element["elements"]).map((each) => elementText(each as Record<string, unknown>));
  return label === "" ? inner.join("") : label;
}

function contentOf(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  return typeof value === "object" && value !== null && "text" in value ? contentOf(value.text) : "";
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
