/** A button that somebody pressed. */
export interface Pressed {
  chat: string;
  from: string;
  value: string;
  messageId: string;
  thread?: string;
  kind?: "private" | "group";
  outsider?: true;
  key?: string;
}
