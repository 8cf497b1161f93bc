import "./kit/tokens.css";
import "./kit/base.css";
import { applyTheme } from "./kit/theme.ts";

applyTheme();

// A browser's "back" may show a page as it was left, by whoever was signed in then.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

/** Two pages in one: each loads its own code alone. */
const page = document.querySelector("#page")!;
if (/^\/admin(\/|$)/.test(location.pathname)) {
  const { showAdmin } = await import("./admin/show-admin.tsx");
  showAdmin(page);
} else {
  const { showChat } = await import("./chat/show-chat.tsx");
  showChat(page);
}
