import type { FakeUser } from "./directory.ts";

/**
 * What Slack makes of what a person types: the three characters escaped, "@name" of known people as a mention, links in
 * angle brackets.
 */
export function typedText(typed: string, users: Iterable<FakeUser>): string {
  const byName = new Map([...users].map((user) => [user.name, user.id]));
  return typed
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/https?:\/\/[^\s|]+/g, (link) => `<${link}>`)
    .replaceAll(/(?<![\w@])@([\w.-]*\w)/g, (whole, name: string) => {
      const id = byName.get(name);
      return id === undefined ? whole : `<@${id}>`;
    });
}

/** What people read of it: the other way round. */
export function readText(text: string, users: ReadonlyMap<string, FakeUser>): string {
  return text
    .replaceAll(/<@(\w+)[^>]*>/g, (whole, id: string) => `@${users.get(id)?.name ?? whole}`)
    .replaceAll(/<(https?:[^|>]+)>/g, "$1")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

/** The block that comes with everything people write. */
export function richText(text: string): Record<string, unknown>[] {
  return [
    {
      type: "rich_text",
      block_id: "fake1",
      elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }],
    },
  ];
}
