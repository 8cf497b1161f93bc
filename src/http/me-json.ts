import { type Static, Type } from "typebox";
import { GatewayError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { Root } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { readWebUser } from "../store/web-users.ts";
import type { Principal } from "./principal.ts";

export const LanguageWord = Type.Union([
  Type.Literal("en"),
  Type.Literal("ru"),
  Type.Literal("de"),
  Type.Literal("zh"),
]);
export const BusyWord = Type.Union([
  Type.Literal("interrupt"),
  Type.Literal("steer"),
  Type.Literal("queue"),
  Type.Literal("parallel"),
  Type.Literal("reject"),
]);
const Role = Type.Union([Type.Literal("owner"), Type.Literal("operator"), Type.Literal("viewer")]);

/** How one can sign in at the web page, besides by a link. */
export const WaysJson = Type.Object({ guest: Type.Boolean(), oidc: Type.Boolean() });
export type Ways = Static<typeof WaysJson>;

export const MeJson = Type.Object({
  user_id: Type.String(),
  name: Type.String({ description: "Empty = nobody knows" }),
  role: Type.Union([Role, Type.Null()], { description: "null = a person" }),
  guest: Type.Boolean(),
  language: Type.Union([LanguageWord, Type.Null()], { description: "null = as the browser says" }),
  on_busy: Type.Union([BusyWord, Type.Null()], { description: "null = as it is set for the agent or the gateway" }),
  agent: Type.Union([Type.String(), Type.Null()], {
    description: "Who answers in new talks; null = the default agent",
  }),
  sign_in: WaysJson,
});

export async function readMe(
  db: Root,
  user: UserId,
  { bound, browser }: Pick<Principal, "bound" | "browser">,
  ways: Ways,
): Promise<Static<typeof MeJson>> {
  const found = await retrying(() => readWebUser(db, user));
  if (!found) throw new GatewayError("not_found", "There is no such user.");
  const { language, onBusy, agent } = found.choices;
  return {
    user_id: user,
    name: found.name,
    role: bound.kind === "operator" ? bound.role : null,
    guest: browser?.guest ?? false,
    language: language as Static<typeof LanguageWord> | null,
    on_busy: onBusy,
    agent,
    sign_in: ways,
  };
}
