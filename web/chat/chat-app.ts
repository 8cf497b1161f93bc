import { ApiProblem, callApi } from "../kit/api.ts";
import { Store } from "../kit/store.ts";
import { showToast } from "../kit/toast.tsx";
import { type Language, languageOf, texts, useLanguage } from "../texts/texts.ts";
import { forgetAttachments } from "./attachments.ts";
import { followUser, forgetUser, keepWordsOf } from "./kept-words.ts";
import { OpenTalk } from "./open-talk.ts";
import { Outbox, type OutboxEntry } from "./outbox.ts";
import { SessionList } from "./session-list.ts";
import type { SentFile, WireSession } from "./wire.ts";

export interface Me {
  user_id: string;
  /** Empty = nobody knows. */
  name: string;
  role: "owner" | "operator" | "viewer" | null;
  guest: boolean;
  language: string | null;
  on_busy: string | null;
  /** Who answers in new talks; null = the gateway's choice. */
  agent: string | null;
}

export interface Agent {
  id: string;
  description: string;
}

export interface AppView {
  me: Me | null;
  /** Nobody is signed in. */
  signedOut: boolean;
  agents: readonly Agent[];
  language: Language;
  /** It is not known yet where the page leads: what is written now might go elsewhere. */
  opening: boolean;
  /** Null = a new talk. */
  talk: OpenTalk | null;
  /** Counts those who came after somebody else in this window. */
  newcomers: number;
}

/** Who was chosen for new talks; null = nobody, or somebody who is gone: the first of the agents answers. */
export function chosenAgent({ me, agents }: AppView): string | null {
  const chosen = me?.agent ?? null;
  return agents.length === 0 || agents.some(({ id }) => id === chosen) ? chosen : null;
}

const ME_AGAIN_MS = 3_000;

/** The page of one person: which talk is open, and what stands around it. */
export class ChatApp {
  readonly view = new Store<AppView>({
    me: null,
    signedOut: false,
    agents: [],
    language: "en",
    opening: true,
    talk: null,
    newcomers: 0,
  });
  readonly list = new SessionList(() => this.#signedOut());
  readonly outbox: Outbox = new Outbox((entry, session) => this.#show(entry, session));
  /** The message that begins the new talk on the page. */
  #begun: string | null = null;
  /** What `beginTalk` made, until something is said in it. */
  #prepared: WireSession | null = null;

  async start(): Promise<void> {
    await this.#speak(languageOf(navigator.languages));
    // Whoever opens a link wants to be the one it is for.
    if (location.pathname === "/sign-in") return this.#signedOut();
    followUser((user) => this.#isNow(user));
    await this.#readMe();
    if (this.view.value.signedOut) return;
    addEventListener("popstate", () => this.#goWhereAsked());
    this.#goWhereAsked();
    const { me } = this.view.value;
    this.outbox.entries.follow(() => this.view.value.talk?.dropKnown());
    if (me !== null) this.#goOn(me);
    await this.#readAgents();
  }

  /** Only who wrote something sends it. */
  #goOn(me: Me): void {
    // An operator reaches everybody's: this page is for their own.
    this.list.start(me.role === null ? null : me.user_id);
    if (keepWordsOf(me.user_id)) {
      forgetAttachments();
      this.view.change({ newcomers: this.view.value.newcomers + 1 });
    }
    this.outbox.resume();
    // A reload while a talk was being begun begins it all the same.
    if (this.view.value.talk === null) {
      this.#begun = this.outbox.entries.value.findLast(({ session }) => session === null)?.key ?? null;
    }
  }

  /** Null = a new talk. */
  openTalk(id: string | null): void {
    const path = id === null ? "/" : `/talks/${encodeURIComponent(id)}`;
    if (location.pathname !== path) history.pushState(null, "", path);
    this.#goWhereAsked();
  }

  /** With files, a new talk is the one that was begun for them. */
  send(text: string, files: SentFile[]): void {
    const { talk } = this.view.value;
    const prepared = talk === null && files.length > 0 ? this.#prepared : null;
    const entry = this.outbox.send(
      talk?.id ?? prepared?.session_id ?? null,
      talk ? null : chosenAgent(this.view.value),
      text,
      files,
    );
    if (!talk) this.#begun = entry.key;
    talk?.hurry();
    if (!prepared) return;
    this.#prepared = null;
    this.#show(entry, prepared);
  }

  /** The session of the new talk, for files that go before its first words. */
  async beginTalk(): Promise<string> {
    const agent = chosenAgent(this.view.value);
    if (this.#prepared === null || (agent !== null && this.#prepared.agent !== agent)) {
      this.#prepared = await callApi<WireSession>("POST", "/v1/sessions", { body: agent === null ? {} : { agent } });
    }
    return this.#prepared.session_id;
  }

  #show(entry: OutboxEntry, session: WireSession): void {
    const title = (entry.text || (entry.files[0]?.name ?? "")).split("\n")[0]!.slice(0, 60);
    this.list.put({ ...session, title });
    // The talk that was begun in this window; one that an earlier page began waits in the list.
    if (this.#begun === entry.key) this.openTalk(session.session_id);
  }

  async changeMe(change: Partial<Me>): Promise<void> {
    const { me } = this.view.value;
    if (me) this.view.change({ me: { ...me, ...change } });
    if (change.language != null) await this.#speak(languageOf([change.language]));
    try {
      await callApi("PATCH", "/v1/me", { body: change });
    } catch (error) {
      if (me) this.view.change({ me });
      showToast(this.explain(error));
    }
  }

  async signOut(everywhere: boolean): Promise<void> {
    try {
      await this.list.finish();
      await callApi("POST", "/v1/sign-out", { body: { everywhere } });
    } catch (error) {
      return showToast(this.explain(error));
    }
    this.outbox.forget();
    forgetUser();
    forgetAttachments();
    this.#signedOut();
    location.assign("/");
  }

  /** Another window of this browser was signed in or out: nothing of whoever was here stays, also when nobody looks. */
  #isNow(user: string): void {
    const { me, signedOut } = this.view.value;
    if (me === null ? !signedOut || user === "" : user === me.user_id) return;
    this.#signedOut();
    location.replace("/");
  }

  /** For people. */
  explain(error: unknown): string {
    const why = error instanceof ApiProblem && error.message !== "" ? error.message : texts().noAnswer;
    return texts().somethingWrong.replace("{why}", why);
  }

  #goWhereAsked(): void {
    const named = /^\/talks\/([^/]+)$/.exec(location.pathname)?.[1];
    const id = named === undefined ? null : decodeURIComponent(named);
    const before = this.view.value.talk;
    if (before?.id === id) return;
    before?.close();
    if (id === null) return this.view.change({ opening: false, talk: null });
    const talk = new OpenTalk(id, {
      fresh: this.outbox.entries.value.some(({ key, session }) => key === this.#begun && session === id),
      outbox: this.outbox,
      signedOut: () => this.#signedOut(),
      moved: () => void this.list.look(),
    });
    this.view.change({ opening: false, talk });
    void talk.open();
  }

  async #speak(language: Language): Promise<void> {
    await useLanguage(language);
    this.view.change({ language });
  }

  async #readMe(): Promise<void> {
    try {
      // Asking a stranger's browser who it is would be an error in its console.
      const { known } = await callApi<{ known: boolean }>("GET", "/v1/sign-in");
      if (!known) return this.#signedOut();
      const me = await callApi<Me>("GET", "/v1/me");
      this.view.change({ me });
      if (me.language !== null) await this.#speak(languageOf([me.language]));
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status === 401) return this.#signedOut();
      setTimeout(() => void this.#readMeLate(), ME_AGAIN_MS);
    }
  }

  async #readMeLate(): Promise<void> {
    await this.#readMe();
    const { me } = this.view.value;
    if (me !== null) this.#goOn(me);
  }

  async #readAgents(): Promise<void> {
    try {
      const { data } = await callApi<{ data: Agent[] }>("GET", "/v1/models");
      this.view.change({ agents: data });
    } catch {
      // The page works without a choice.
    }
  }

  #signedOut(): void {
    forgetAttachments();
    this.view.value.talk?.close();
    this.list.stop();
    this.view.change({ signedOut: true, talk: null });
  }
}
