import { useEffect, useState } from "preact/hooks";
import { type ApiProblem, callApi } from "../kit/api.ts";
import { shownName } from "../kit/shown-name.ts";
import { texts } from "../texts/texts.ts";
import { forgetOthers } from "./kept-words.ts";

interface SignIn {
  guest?: boolean;
  oidc?: boolean;
}

interface Whose {
  name: string;
  platform: string | null;
  role: string | null;
}

/**
 * For whom nobody knows yet. A link's token is sent by a press alone: previews of links must not use it up. Whose it is
 * stands there before, because somebody else may have sent it, to read along.
 */
export function SignInView() {
  const said = texts();
  const token = location.pathname === "/sign-in" ? location.hash.slice(1) : "";
  const [ways, setWays] = useState<SignIn>({});
  const [whose, setWhose] = useState<Whose | "unknown" | null>(null);
  const [failed, setFailed] = useState(location.search === "?sign-in=refused" ? said.signInRefused : "");
  useEffect(() => {
    document.title = "Parley";
    if (token !== "") {
      callApi<Whose>("POST", "/v1/sign-in/whose", { body: { token } }).then(setWhose, (problem: ApiProblem) => {
        if (problem.status === 401) setFailed(said.signInFailed);
        else setWhose("unknown");
      });
      return;
    }
    callApi<SignIn>("GET", "/v1/sign-in").then(setWays, () => setWays({}));
  }, []);
  const go = (path: string, body?: object) => {
    callApi<{ user_id: string }>("POST", path, body ? { body } : {}).then(
      ({ user_id: user }) => enter(user),
      ({ status, code, message, retryAfterMs }: ApiProblem) => {
        const minutes = String(Math.ceil((retryAfterMs ?? 0) / 60_000));
        if (code === "forbidden") setFailed(said.signInRefused);
        else if (status === 401) setFailed(said.signInFailed);
        else if (status === 429) setFailed(said.signInWait.replace("{minutes}", minutes));
        else setFailed(said.somethingWrong.replace("{why}", message));
      },
    );
  };
  return (
    <main class="sign-in">
      <h1>Parley</h1>
      {token === "" && <p>{said.signInText}</p>}
      {whose && !failed && <p>{whose === "unknown" ? said.signInLink : said.signInAs}</p>}
      {whose && whose !== "unknown" && (
        <>
          <p class="whose">
            {whose.name !== "" && (
              <>
                <bdi>{shownName(whose.name)}</bdi>
                {" · "}
              </>
            )}
            {whose.role ?? whose.platform}
          </p>
          <p class="quiet">{said.signInNotYou}</p>
        </>
      )}
      {whose && (
        <button type="button" class="button primary" onClick={() => go("/v1/sign-in", { token })}>
          {said.signIn}
        </button>
      )}
      {token === "" && ways.guest === true && (
        <button type="button" class="button" onClick={() => go("/v1/sign-in/guest")}>
          {said.guest}
        </button>
      )}
      {token === "" && ways.oidc === true && (
        <a class="button" href="/v1/sign-in/oidc">
          {said.signInElsewhere}
        </a>
      )}
      {location.search === "?sign-in=failed" && (
        <p class="trouble" role="alert">
          {said.signInElsewhereFailed}
        </p>
      )}
      {failed !== "" && (
        <p class="trouble" role="alert">
          {failed}
        </p>
      )}
    </main>
  );
}

function enter(user: string): void {
  // Before their page has come: no other window sends in their name what somebody else wrote.
  forgetOthers(user);
  location.replace("/");
}
