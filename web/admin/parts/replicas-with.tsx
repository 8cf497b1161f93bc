import { Badge } from "./badge.tsx";
import { useLoad } from "./load.ts";

interface ReplicaJson {
  replica: string;
  host: string;
  pid: number;
  edits: Record<string, number>;
}

const REFRESH_MS = 2_000;

/** How many of the replicas go by a version already, and which do not. */
export function ReplicasWith({ file, version }: { file: string; version: number }) {
  const { data } = useLoad<{ replicas: ReplicaJson[] }>("/v1/platforms", REFRESH_MS);
  if (!data) return null;
  const late = data.replicas.filter(({ edits }) => (edits[file] ?? 0) < version);
  const all = data.replicas.length;
  return (
    <span role="status">
      {late.length === 0 ? (
        <Badge tone="good">{all === 1 ? "on the only replica" : `on all ${all} replicas`}</Badge>
      ) : (
        <Badge tone="warn">
          on {all - late.length} of {all} replicas, not yet on{" "}
          {late.map(({ host, pid }) => `${host} (process ${pid})`).join(", ")}
        </Badge>
      )}
    </span>
  );
}
