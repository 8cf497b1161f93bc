import { createContext } from "preact";
import { useContext } from "preact/hooks";

export type Role = "owner" | "operator" | "viewer";

/** Who looks: what `GET /v1/me` says. */
export interface Me {
  user_id: string;
  name: string;
  role: Role | null;
}

export const MeContext = createContext<Me>({ user_id: "", name: "", role: null });

/** What the role allows; the gateway decides, this hides what it would refuse. */
export function useMay(): { act: boolean; keys: boolean } {
  const { role } = useContext(MeContext);
  return { act: role === "owner" || role === "operator", keys: role === "owner" };
}
