import "./kit/tokens.css";
import "./kit/base.css";
import { applyTheme } from "./kit/theme.ts";

applyTheme();

/** Two pages in one: each loads its own code alone. */
const page = document.querySelector("#page")!;
if (/^\/admin(\/|$)/.test(location.pathname)) {
  const { showAdmin } = await import("./admin/show-admin.tsx");
  showAdmin(page);
} else {
  const { showChat } = await import("./chat/show-chat.tsx");
  showChat(page);
}
