import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { openBrowser } from "../../test/support/browser.ts";
import { runStatement } from "../../test/support/postgres.ts";
import type { Scenario } from "../scenario.ts";
import { median, percentile } from "../statistics.ts";
import { Subject } from "../subject.ts";

const MESSAGES = 10_000;
const TALKS = 5_000;
const WATCH = fileURLToPath(new URL("../watch-page.js", import.meta.url));
/** One turn of the wheel by somebody in a hurry, in px. */
const TURN = 600;

/**
 * A talk of 10,000 messages beside a list of 5,000, in a browser of this machine that has never been here. From the
 * beginning of the navigation: to the first paint of anything (the browser's own first-contentful-paint), and to the
 * frame that shows the newest message. Then a mouse's wheel goes up the talk, whose older messages are loaded on the
 * way, and down the list. A frame is the time between two callbacks of `requestAnimationFrame`, with all script, layout
 * and drawing between them; what other programs do counts as well, so the floor is a still page of plain boxes under
 * the same wheel, and the CPU time that the page's main thread took for each turn is told besides.
 */
export const page: Scenario = {
  name: "page",
  rows: ["page-paint", "page-newest", "page-frame", "page-frame-p99", "page-work", "page-nodes"],
  async run(lab, findings) {
    const databaseUrl = await lab.newDatabase();
    const subject = await Subject.ours(lab, { databaseUrl });
    const boxes = await startBoxes();
    const browser = await openBrowser();
    const { quick, rounds } = lab.options;
    const seen: Visit[] = [];
    try {
      const session = await fill(subject, databaseUrl);
      const newToken = async () => {
        const { url } = await subject.api("POST", "/v1/sign-in/links", { role: null, user: "bench" });
        return new URL(url as string).hash.slice(1);
      };
      for (let round = 1; round <= rounds; round++) {
        const { newest: _, ...floor } = rowsOf(await visit(browser, boxes.url, { loads: 1, turns: 200 }));
        findings.add("floor", floor);
        const url = `${subject.url}/talks/${session}`;
        const ours = await visit(browser, url, { newToken, loads: quick ? 2 : 5, turns: quick ? 300 : 1_000 });
        const { newest, ...rows } = rowsOf(ours);
        findings.add("ours", { ...rows, "page-newest": newest, "page-nodes": ours.nodes });
        seen.push(ours);
      }
      const all = (of: (visit: Visit) => number[]) => `p50 ${median(seen.flatMap(of)).toFixed(0)} ms`;
      findings.note(
        ["page-paint"],
        all(({ paints }) => paints),
      );
      findings.note(
        ["page-newest"],
        all(({ newest }) => newest),
      );
      findings.note(["page-frame"], `up to message ${Math.min(...seen.map(({ reached }) => reached))}`);
    } finally {
      await browser.close();
      boxes.close();
      await subject.dispose();
      await lab.dropDatabase(databaseUrl);
    }
  },
};

interface Visit {
  /** Of each load, in ms. */
  paints: number[];
  newest: number[];
  /** Between frames, in ms. */
  gaps: number[];
  /** Of each turn of the wheel: what the main thread worked, in ms. */
  work: number[];
  /** In the document at most. */
  nodes: number;
  /** The oldest message that was on the page. */
  reached: number;
}

function rowsOf({ paints, newest, gaps, work }: Visit) {
  return {
    "page-paint": Math.max(...paints),
    newest: Math.max(...newest),
    "page-frame": Math.max(...gaps),
    "page-frame-p99": percentile(gaps, 99),
    "page-work": Math.max(...work),
  };
}

/** `newToken` signs the browser in; `loads`: how often it is opened, each time by a browser that knows nothing. */
async function visit(
  browser: Browser,
  url: string,
  { newToken, loads, turns }: { newToken?: () => Promise<string>; loads: number; turns: number },
): Promise<Visit> {
  const found: Visit = { paints: [], newest: [], gaps: [], work: [], nodes: 0, reached: 0 };
  for (let load = 1; load <= loads; load++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en" });
    try {
      if (newToken) await signIn(context, url, await newToken());
      const opened = await context.newPage();
      await opened.addInitScript({ path: WATCH });
      await opened.goto(url);
      found.newest.push(await opened.evaluate<number>("watched.newest"));
      found.paints.push(await opened.evaluate<number>("watched.paint"));
      if (load === loads) Object.assign(found, await scroll(opened, turns));
    } finally {
      await context.close();
    }
  }
  return found;
}

async function signIn(context: BrowserContext, url: string, token: string): Promise<void> {
  const done = await context.request.post(new URL("/v1/sign-in", url).href, {
    data: { token },
    headers: { "sec-fetch-site": "same-origin" },
  });
  if (!done.ok()) throw new Error(`the browser was not signed in: ${done.status()}`);
}

/** Up the talk, then down the list. */
async function scroll(opened: Page, turns: number): Promise<Pick<Visit, "gaps" | "work" | "nodes" | "reached">> {
  const inspector = await opened.context().newCDPSession(opened);
  await inspector.send("Performance.enable", { timeDomain: "threadTicks" });
  const workedMs = async () => {
    const { metrics } = await inspector.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
  };
  const work: number[] = [];
  await opened.evaluate("watched.gaps.length = 0");
  for (const [list, by] of [
    [".log", -TURN],
    [".talks", TURN],
  ] as const) {
    await opened.locator(list).hover();
    let before = await workedMs();
    for (let turn = 0; turn < turns; turn++) {
      await opened.mouse.wheel(0, by);
      const now = await workedMs();
      work.push(now - before);
      before = now;
    }
  }
  const oldest = await opened.locator(".log article").first().innerText();
  return {
    gaps: await opened.evaluate<number[]>("watched.gaps"),
    work,
    nodes: await opened.evaluate<number>("watched.nodes"),
    reached: Number(/message (\d+)/.exec(oldest)?.[1]),
  };
}

/** Short questions, answers of lists and links, every fifth a table, every twentieth 200 lines of code. */
async function fill(subject: Subject, databaseUrl: string): Promise<string> {
  const { session_id: id } = (await subject.api("POST", "/v1/sessions", { title: "The long one" })) as {
    session_id: string;
  };
  await runStatement(
    databaseUrl,
    `insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status, created_at)
     select '${id}', n, 'msg_' || lpad(n::text, 32, '0'), 'run_' || lpad((n / 2)::text, 32, '0'), n,
            case n % 2 when 1 then 'user' else 'assistant' end,
            jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'message ' || n || E'\\n\\n' ||
              case when n = ${MESSAGES} then 'the newest of all'
                   when n % 2 = 1 then repeat('and what of this? ', 1 + n % 7)
                   when n % 40 = 0 then ${quoted(CODE)}
                   when n % 10 = 0 then ${quoted(TABLE)}
                   else repeat(${quoted(PROSE)}, 1 + n % 3) end)),
            'complete', now() - (${MESSAGES} - n) * interval '10 minutes'
     from generate_series(1, ${MESSAGES}) n`,
  );
  await runStatement(databaseUrl, `update talk_sessions set head_seq = ${MESSAGES} where id = '${id}'`);
  await runStatement(
    databaseUrl,
    `insert into talk_sessions (id, user_id, agent, title, platform, updated_at)
     select 'ses_' || md5(n::text), user_id, agent, 'Talk ' || n, platform, now() - n * interval '1 hour'
     from talk_sessions, generate_series(1, ${TALKS}) n where id = '${id}'`,
  );
  await runStatement(databaseUrl, "vacuum analyze messages, talk_sessions");
  return id;
}

const PROSE = `It **depends** on what \`retry\` means there: see [the manual](https://example.com/manual).

- The first call is *idempotent*, so it may be made again.
- The second one is not, and \`409\` says so.

> Whoever repeats it is told.

`;
const TABLE = `## What it costs

| part | calls | p50 | p99 | note |
| --- | ---: | ---: | ---: | --- |
${Array.from({ length: 20 }, (_, n) => `| part ${n} | ${n * 7} | ${n} ms | ${n * 9} ms | \`ok\` and **whole** |`).join("\n")}
`;
const CODE = `Like this:

\`\`\`ts
${Array.from({ length: 200 }, (_, n) => `export const step${n} = async (input: string, count = ${n}) => \`\${input.trim()}-\${count}\`; // line ${n}`).join("\n")}
\`\`\`
`;

function quoted(text: string): string {
  return `$md$${text}$md$`;
}

function boxesOf(name: string): string {
  const boxes = Array.from({ length: 500 }, (_, n) => `<article>box ${n}</article>`);
  return `<div class="${name}">${boxes.join("")}</div>`;
}

/** Plain boxes that scroll, in two lists beside each other. */
async function startBoxes(): Promise<{ url: string; close: () => void }> {
  const html = `<!doctype html><style>
    body { display: flex; margin: 0; height: 100vh } div { overflow: auto; flex: 1 } article { height: 500px; border: 1px solid }
  </style>${boxesOf("talks")}${boxesOf("log")}
  <script>const list = document.querySelector(".log"); list.lastChild.textContent = "the newest of all"; list.scrollTop = 1e9</script>`;
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
