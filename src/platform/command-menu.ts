/** The menu beside the text field, in one language; what the words do is the core's. */
export interface CommandMenu {
  /** As apps name it, for example `de`; `en` is shown to all for whom there is no other. */
  language: string;
  commands: readonly { word: string; description: string; privateOnly?: true }[];
}
