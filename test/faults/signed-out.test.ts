import { afterAll, beforeAll, expect, it } from "vitest";
import { GatewayProcess } from "../support/gateway-process.ts";
import { createTestDatabase } from "../support/postgres.ts";

/** docs/operations.md: within 2 s a cookie counts nowhere; the rest is the way there of a busy machine. */
const REFUSED_MS = 4_000;
/** docs/security.md: until nothing follows any more. */
const ENDED_MS = 10_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let a: GatewayProcess;
let b: GatewayProcess;
beforeAll(async () => {
  database = await createTestDatabase();
  const start = () => GatewayProcess.start({ databaseUrl: database.url });
  [a, b] = await Promise.all([start(), start()]);
});
afterAll(async () => {
  await Promise.all([a.kill(), b.kill()]);
  await Promise.all([a.removeData(), b.removeData()]);
  await database.drop();
});

/** A browser that signed in at A, known by its cookie. */
class Browser {
  readonly name: string;
  cookie = "";
  user = "";

  constructor(name: string) {
    this.name = name;
  }

  async call(gateway: GatewayProcess, method: string, route: string, body?: object): Promise<Response> {
    return fetch(`${gateway.url}${route}`, {
      method,
      headers: {
        cookie: this.cookie,
        "sec-fetch-site": "same-origin",
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  async signIn(): Promise<this> {
    const made = await a.api("POST", "/v1/sign-in/links", { role: null, user: this.name });
    const done = await this.call(a, "POST", "/v1/sign-in", { token: new URL(made.body.url as string).hash.slice(1) });
    this.cookie = done.headers.getSetCookie()[0]!.split(";")[0]!;
    const me = (await (await this.call(b, "GET", "/v1/me")).json()) as { user_id: string };
    this.user = me.user_id;
    return this;
  }
}

/** What a browser hears at B, and when it ended, on the clock of `performance.now()`. */
interface Journal {
  session: string;
  heard: () => string;
  endedAt: () => number | null;
}

async function followAtB(browser: Browser): Promise<Journal> {
  const { body } = await a.api("POST", "/v1/sessions", {}, browser.name);
  const session = body.session_id as string;
  const answer = await browser.call(b, "GET", `/v1/sessions/${session}/events`);
  expect(answer.status).toBe(200);
  let heard = "";
  let endedAt: number | null = null;
  const read = async () => {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) heard += chunk;
  };
  void read()
    .catch(() => undefined)
    .then(() => (endedAt = performance.now()));
  return { session, heard: () => heard, endedAt: () => endedAt };
}

/** Says something in the browser's talk, by its person's key at A. */
async function say(browser: Browser, { session }: Journal, text: string): Promise<void> {
  expect((await a.api("POST", `/v1/sessions/${session}/messages`, { text }, browser.name)).status).toBe(202);
}

async function msUntil(isSo: () => boolean | Promise<boolean>, since: number, boundMs: number): Promise<number> {
  while (!(await isSo()) && performance.now() - since < boundMs) await new Promise((go) => setTimeout(go, 100));
  return performance.now() - since;
}

const WAYS: Record<string, (browser: Browser) => Promise<number>> = {
  "signs out everywhere": async (browser) => {
    const other = await new Browser(browser.name).signIn();
    return (await other.call(a, "POST", "/v1/sign-out", { everywhere: true })).status;
  },
  "is signed out by an operator": async ({ user }) => (await a.api("POST", `/v1/users/${user}/sign-out`)).status,
  "is blocked": async ({ user }) => (await a.api("PATCH", `/v1/users/${user}`, { blocked: true })).status,
};

it.concurrent.each(Object.entries(WAYS))(
  "security-34: whoever %s at one replica is refused at the other, and hears nothing there any more",
  async (name, leave) => {
    const [leaving, staying] = await Promise.all([
      new Browser(`ann ${name}`).signIn(),
      new Browser(`bea ${name}`).signIn(),
    ]);
    const [left, stayed] = await Promise.all([followAtB(leaving), followAtB(staying)]);
    await say(leaving, left, "before");
    expect(await msUntil(() => left.heard().includes("before"), performance.now(), 10_000)).toBeLessThan(10_000);

    const since = performance.now();
    expect(await leave(leaving)).toBeLessThan(300);
    const refused = async () => (await leaving.call(b, "GET", "/v1/me")).status === 401;
    expect(await msUntil(refused, since, REFUSED_MS)).toBeLessThan(REFUSED_MS);
    await msUntil(() => left.endedAt() !== null, since, ENDED_MS);
    expect((left.endedAt() ?? Infinity) - since).toBeLessThan(ENDED_MS);
    expect((await leaving.call(b, "GET", `/v1/sessions/${left.session}/events`)).status).toBe(401);

    await say(staying, stayed, "after");
    expect(await msUntil(() => stayed.heard().includes("after"), performance.now(), 10_000)).toBeLessThan(10_000);
    expect(stayed.endedAt()).toBeNull();
  },
);
