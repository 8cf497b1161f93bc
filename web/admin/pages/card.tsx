import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiProblem, callApi } from "../../kit/api.ts";
import { showToast } from "../../kit/toast.tsx";
import type { PageProps } from "../dashboard.tsx";
import { Badge } from "../parts/badge.tsx";
import { DataTable, Trouble, Waiting } from "../parts/data-table.tsx";
import { diffLines } from "../parts/diff-lines.ts";
import { ActDialog } from "../parts/dialog.tsx";
import { isolated, When } from "../parts/format.tsx";
import { draftOf, keepDraft } from "../parts/drafts.ts";
import { asProblem, useLoad, wordsOf } from "../parts/load.ts";
import { useMay } from "../parts/me.ts";
import { ReplicasWith } from "../parts/replicas-with.tsx";
import { go, to } from "../parts/route.ts";
import { readNames, Who } from "../parts/who.tsx";

interface CardJson {
  name: string;
  file: string;
  version: number;
  source: "file" | "edited";
  text: string;
  faults: string[];
  versions: { no: number; source: "file" | "edited"; author: string; note: string; at: string }[];
}

interface Seen {
  card: CardJson;
  etag: string;
}

/** An agent's card: to read, to edit, to compare and to take back. */
export function Card({ id }: PageProps) {
  return (
    <Editor address={`/v1/agents/${encodeURIComponent(id)}/card`} label="Text of the card" without="the file">
      Description, instruction, model, use_history and request_params can be edited here, everything else in the file
      alone.
    </Editor>
  );
}

/** What is set for places, likewise. */
export function Places() {
  return (
    <Editor address="/v1/places" label="What is set for places" without="parley.yaml alone">
      Goes before <code>parley.yaml</code>, field by field: agent, listen, on_busy, feedback and memory of a place. For
      example <code>{'places: { "telegram:-100123": { agent: helper, listen: always } }'}</code>
    </Editor>
  );
}

interface EditorProps {
  address: string;
  label: string;
  /** What counts without any edit. */
  without: string;
  /** What may be edited. */
  children: ComponentChildren;
}

function Editor({ address, ...words }: EditorProps) {
  const [seen, setSeen] = useState<Seen | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const call = async (method: string, path = address, body?: object) => {
    let etag = "";
    const card = await callApi<CardJson>(method, path, {
      ...(body && { body, headers: { "if-match": seen?.etag ?? "" } }),
      onHeaders: (headers) => (etag = headers.get("etag") ?? ""),
    });
    setSeen({ card, etag });
    return card;
  };
  const load = () =>
    void call("GET").then(
      () => setProblem(null),
      (error: unknown) => setProblem(asProblem(error)),
    );
  useEffect(load, [address]);
  if (!seen) return problem ? <Trouble problem={problem} again={load} /> : <Waiting />;
  return <Desk {...seen} address={address} call={call} {...words} />;
}

interface DeskProps extends EditorProps, Seen {
  /** Shows what the gateway answers from then on. */
  call: (method: string, path?: string, body?: object) => Promise<CardJson>;
}

function Desk({ card, etag, address, label, without, children, call }: DeskProps) {
  const may = useMay();
  const left = useRef(draftOf(address)).current;
  const [draft, setDraft] = useState(left?.text ?? card.text);
  const [note, setNote] = useState(left?.note ?? "");
  const [busy, setBusy] = useState(false);
  const [told, setTold] = useState<string | null>(null);
  const isUnsaved = draft !== card.text;
  const nameOf = (no: number) => (no === 0 ? without : `version ${no}`);
  useEffect(() => {
    if (left && left.etag !== etag) void whoWasFirst(card).then(setTold);
  }, []);
  useEffect(() => {
    keepDraft(address, isUnsaved ? { name: card.name, text: draft, note, etag } : null);
  }, [draft, note, etag, isUnsaved]);
  useEffect(() => {
    const back = `${location.pathname}${location.search}`;
    return () => {
      const draftLeft = draftOf(address);
      if (!draftLeft) return;
      const words = `What you changed of ${draftLeft.name} is not saved. It stays until this window is closed.`;
      showToast(words, { label: "Go back", run: () => go(back) });
    };
  }, []);
  const [backTo, setBackTo] = useState<number | null>(null);
  const show = (next: CardJson, words: string) => {
    setDraft(next.text);
    setNote("");
    setTold(null);
    showToast(words);
  };
  const save = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTold(null);
    try {
      const next = await call("PUT", address, { text: draft, note });
      show(next, `Version ${next.version} is stored; all replicas go by it within seconds.`);
    } catch (error) {
      const problem = asProblem(error);
      setTold(problem.status === 412 ? await meet(call) : wordsOf(problem));
    }
    setBusy(false);
  };
  const goBack = async (no: number) => {
    try {
      show(await call("POST", `${address}/revert`, { to: no }), `Back to ${nameOf(no)}.`);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status !== 412) throw problem;
      setTold(await meet(call));
    }
  };
  const before = card.versions[1]?.no ?? 0;
  return (
    <>
      <p class="subtitle">
        {card.name} {card.file !== card.name && <code>{card.file}</code>}{" "}
        <Badge tone="quiet">{card.source === "edited" ? `version ${card.version}` : `goes by ${without}`}</Badge>{" "}
        <ReplicasWith file={card.file} version={card.version} /> {isUnsaved && <Badge tone="warn">not saved</Badge>}
      </p>
      {card.faults.length > 0 && (
        <p class="trouble" role="alert">
          The edit does not count on this replica, but {without}: {card.faults.join("; ")}
        </p>
      )}
      <form class="editor" onSubmit={(event) => void save(event)}>
        <label class="stack">
          <span>{label}</span>
          <textarea
            class="field card-text"
            rows={18}
            spellcheck={false}
            readOnly={!may.act}
            value={draft}
            onInput={(event) => setDraft(event.currentTarget.value)}
          />
        </label>
        <p class="muted">{children}</p>
        {told !== null && (
          <p class="trouble words" role="alert">
            {told}
          </p>
        )}
        {may.act && (
          <>
            <Difference card={card} address={address} draft={draft} nameOf={nameOf} />
            <label class="stack">
              <span>Note: why it is changed</span>
              <input
                class="field"
                maxLength={500}
                value={note}
                onInput={(event) => setNote(event.currentTarget.value)}
              />
            </label>
            <div class="actions start">
              <button type="submit" class="button primary" disabled={busy || !isUnsaved}>
                Save
              </button>
              <button type="button" class="button" disabled={!isUnsaved} onClick={() => setDraft(card.text)}>
                Discard
              </button>
              {card.versions.length > 0 && (
                <button type="button" class="button" disabled={busy} onClick={() => setBackTo(before)}>
                  Undo the last change
                </button>
              )}
            </div>
          </>
        )}
      </form>
      {!may.act && <Difference card={card} address={address} draft={draft} nameOf={nameOf} />}
      <section aria-labelledby="versions">
        <h2 id="versions">Versions</h2>
        <DataTable
          caption="Versions"
          rows={[...card.versions, { no: 0, source: "file" as const, author: "", note: "Without any edit", at: "" }]}
          keyOf={({ no }) => String(no)}
          columns={[
            { name: "Version", head: true, cell: ({ no }) => (no === 0 ? without : no) },
            { name: "Note", wide: true, cell: ({ note: of }) => <bdi>{of || "–"}</bdi> },
            {
              name: "By",
              cell: ({ author }) =>
                author === "" ? (
                  "–"
                ) : (
                  <Who id={author} href={author.startsWith("usr_") ? to(`/people/${author}`) : undefined} />
                ),
            },
            { name: "When", cell: ({ at }) => (at === "" ? "–" : <When at={at} />) },
            {
              name: "",
              end: true,
              cell: ({ no }) =>
                may.act &&
                no !== card.version && (
                  <button type="button" class="button small" onClick={() => setBackTo(no)}>
                    Go back to {nameOf(no)}
                  </button>
                ),
            },
          ]}
        />
      </section>
      {backTo !== null && (
        <ActDialog
          title={`Go back to ${nameOf(backTo)}?`}
          doIt="Go back"
          act={() => goBack(backTo)}
          close={() => setBackTo(null)}
        >
          <p>It becomes a new version, so this can be undone, too. What is not saved is gone.</p>
        </ActDialog>
      )}
    </>
  );
}

/** Somebody else was first: what they stored is looked at, and what was written here stays. */
async function meet(call: DeskProps["call"]): Promise<string> {
  try {
    return await whoWasFirst(await call("GET"));
  } catch (error) {
    return wordsOf(asProblem(error));
  }
}

async function whoWasFirst({ version, versions }: CardJson): Promise<string> {
  const [last] = versions;
  const who = last ? isolated((await readNames([last.author]))[last.author] || last.author) : "Somebody else";
  const why = last?.note ? ` (“${isolated(last.note)}”)` : "";
  return `${who} has changed it${why}: it is version ${version} now. Your text is still here; look at the difference, and save again to put it in place of theirs.`;
}

interface DifferenceProps {
  card: CardJson;
  address: string;
  draft: string;
  nameOf: (no: number) => string;
}

function Difference({ card, address, draft, nameOf }: DifferenceProps) {
  const [with_, setWith] = useState<number | null>(null);
  const { data, problem, reload } = useLoad<{ text: string }>(with_ === null ? null : `${address}/versions/${with_}`);
  const before = with_ === null ? card.text : data?.text;
  return (
    <section aria-labelledby="difference">
      <h2 id="difference">Difference</h2>
      <label class="stack">
        <span>Compare with</span>
        <select
          class="field"
          value={with_ ?? ""}
          onChange={({ currentTarget: { value } }) => setWith(value === "" ? null : Number(value))}
        >
          <option value="">what counts now</option>
          {card.versions.map(({ no }) => (
            <option key={no} value={no}>
              {nameOf(no)}
            </option>
          ))}
          <option value="0">{nameOf(0)}</option>
        </select>
      </label>
      {problem && <Trouble problem={problem} again={reload} />}
      {before === draft && <p class="muted">There is no difference.</p>}
      {before !== undefined && before !== draft && (
        <pre class="diff" tabIndex={0} role="group" aria-label="Lines that differ">
          {diffLines(before, draft).map(({ kind, text }, index) => (
            <div key={index} class={kind}>
              {{ same: "  ", gone: "- ", new: "+ " }[kind]}
              {text}
            </div>
          ))}
        </pre>
      )}
    </section>
  );
}
