import { useEffect, useState } from "preact/hooks";
import { setFilters } from "./route.ts";
import { useLoad } from "./load.ts";

const TYPING_MS = 300;

export interface Choice {
  name: string;
  label: string;
  /** Value and words; "" is what holds when nothing is chosen. */
  options: readonly (readonly [value: string, words: string])[];
}

export const SINCE: Choice = {
  name: "since",
  label: "Since",
  options: [
    ["", "Any time"],
    ["1h", "Last hour"],
    ["1d", "Last day"],
    ["7d", "Last 7 days"],
    ["30d", "Last 30 days"],
  ],
};

/** What a list is narrowed by; all of it stands in the address. */
export function Filters({
  query,
  search,
  choices = [],
  words = [],
}: {
  query: URLSearchParams;
  search?: string;
  choices?: readonly Choice[];
  /** Exact words: name and label. */
  words?: readonly (readonly [name: string, label: string])[];
}) {
  return (
    <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {search !== undefined && <Words query={query} name="q" label={search} type="search" />}
      {words.map(([name, label]) => (
        <Words key={name} query={query} name={name} label={label} type="text" />
      ))}
      {choices.map(({ name, label, options }) => (
        <label key={name}>
          <span>{label}</span>
          <select
            class="field"
            value={query.get(name) ?? ""}
            onChange={(event) => setFilters({ [name]: event.currentTarget.value })}
          >
            {options.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
      ))}
    </form>
  );
}

function Words(props: { query: URLSearchParams; name: string; label: string; type: "search" | "text" }) {
  const { query, name, label, type } = props;
  const given = query.get(name) ?? "";
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  useEffect(() => {
    if (text === given) return undefined;
    const timer = setTimeout(() => setFilters({ [name]: text.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, given, name]);
  return (
    <label class={type === "search" ? "search" : ""}>
      <span>{label}</span>
      {type === "search" ? (
        <input class="field" type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      ) : (
        <input class="field" type="text" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      )}
    </label>
  );
}

/** Those who may be asked for by `agent_id`. */
export function useAgentChoice(): Choice {
  const { data } = useLoad<{ agents: { name: string }[] }>("/v1/agents");
  const names = (data?.agents ?? []).map(({ name }) => [name, name] as const);
  return { name: "agent_id", label: "Agent", options: [["", "All agents"], ...names] };
}
