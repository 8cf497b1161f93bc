import { useEffect, useState } from "preact/hooks";
import { callApi } from "../kit/api.ts";
import { texts } from "../texts/texts.ts";

interface SignIn {
  guest?: boolean;
  oidc?: boolean;
}

/** For whom nobody knows yet. A link's token is sent by a press alone: previews of links must not use it up. */
export function SignInView() {
  const said = texts();
  const token = location.pathname === "/sign-in" ? location.hash.slice(1) : "";
  const [ways, setWays] = useState<SignIn>({});
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    callApi<SignIn>("GET", "/v1/sign-in").then(setWays, () => setWays({}));
  }, []);
  const go = (path: string, body?: object) => {
    callApi("POST", path, body ? { body } : {}).then(
      () => location.replace("/"),
      () => setFailed(true),
    );
  };
  return (
    <main class="sign-in">
      <h1>Parley</h1>
      <p>{token === "" ? said.signInText : said.signInLink}</p>
      {token !== "" && (
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
      {failed && (
        <p class="trouble" role="alert">
          {said.signInFailed}
        </p>
      )}
    </main>
  );
}
