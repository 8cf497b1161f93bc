export const countLines = {
  description: "How many lines a text has.",
  schema: { type: "object", properties: { text: { type: "string" } }, required: ["text"], additionalProperties: false },
  readOnly: true,
  run: ({ text }: { text: string }): number => text.split("\n").length,
};
