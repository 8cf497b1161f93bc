import "./chat.css";
import { render } from "preact";
import { ChatApp } from "./chat-app.ts";
import { ChatPage } from "./chat-page.tsx";

export function showChat(into: Element): void {
  const app = new ChatApp();
  void app.start();
  render(<ChatPage app={app} />, into);
}
