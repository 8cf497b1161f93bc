import { useEffect } from "preact/hooks";
import { callApi } from "../../kit/api.ts";
import { shownName } from "../../kit/shown-name.ts";
import { Store, useStore } from "../../kit/store.ts";
import { Id } from "./format.tsx";
import { withQuery } from "./load.ts";

/** By id; "" = there is none. Kept while the window is open. */
const names = new Store<Readonly<Record<string, string>>>({});
const asked = new Set<string>();
let wanted: string[] = [];

const AT_ONCE = 200;

/** Whose an id is, by the name of the person, place or key as soon as it is known; the id is there on hover. */
export function Who({ id, href }: { id: string; href?: string | undefined }) {
  const name = useNameOf(id);
  if (name === "") return <Id id={id} href={href} />;
  return href === undefined ? (
    <bdi title={id}>{name}</bdi>
  ) : (
    <a href={href} title={id}>
      <bdi>{name}</bdi>
    </a>
  );
}

/** "" = it is not known, or not yet. */
function useNameOf(id: string): string {
  useEffect(() => ask(id), [id]);
  return useStore(names, (known) => known[id] ?? "");
}

/** What is drawn together is asked for together, each id once. */
function ask(id: string): void {
  if (asked.has(id) || !/^(usr|key)_/.test(id)) return;
  asked.add(id);
  if (wanted.length === 0) setTimeout(() => void askAll(), 0);
  wanted.push(id);
}

async function askAll(): Promise<void> {
  const ids = wanted;
  wanted = [];
  for (let from = 0; from < ids.length; from += AT_ONCE) await readNames(ids.slice(from, from + AT_ONCE));
}

/** Those that are known, with these among them. */
export async function readNames(ids: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const of = (prefix: string) => ids.filter((id) => id.startsWith(prefix)).join(",");
  const [users, keys] = [of("usr_"), of("key_")];
  try {
    const [people, made] = await Promise.all([
      users === "" ? null : callApi<{ users: NamedUser[] }>("GET", withQuery("/v1/users", { ids: users, limit: 200 })),
      keys === "" ? null : callApi<{ keys: NamedKey[] }>("GET", withQuery("/v1/keys", { ids: keys, limit: 200 })),
    ]);
    names.change({
      ...Object.fromEntries((people?.users ?? []).map(({ user_id: id, name }) => [id, shownName(name)])),
      ...Object.fromEntries((made?.keys ?? []).map(({ key_id: id, name }) => [id, shownName(name)])),
    });
  } catch {
    // Ids say it as well. Whoever is drawn next asks again.
    for (const id of ids) asked.delete(id);
  }
  return names.value;
}

interface NamedUser {
  user_id: string;
  name: string;
}
interface NamedKey {
  key_id: string;
  name: string;
}
