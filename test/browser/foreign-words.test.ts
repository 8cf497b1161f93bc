import { expect, test } from "vitest";
import { ADMIN_KEY } from "../support/gateway-process.ts";
import { log } from "./support/chat.ts";
import { atDesk } from "./support/suite.ts";

const FILE = "<img src=x onerror=window.evil=1>.txt";
const EVIL = '"><img src=x onerror=window.evil=1><script>window.evil=1</script>';

test("security-36: names of people, talks and files are text, in the chat and to operators", async () => {
  await atDesk(
    async ({ page, door, gateway, user }) => {
      const stranger = `<img src=x onerror=window.evil=1>${user}`;
      const call = async (method: string, route: string, body: object | string, who: string) => {
        const isText = typeof body === "string";
        const answer = await fetch(`${gateway.url}${route}`, {
          method,
          headers: {
            authorization: `Bearer ${ADMIN_KEY}`,
            "parley-user": who,
            "content-type": isText ? "application/octet-stream" : "application/json",
          },
          body: isText ? body : JSON.stringify(body),
        });
        expect(answer.status).toBeLessThan(300);
        return (await answer.json()) as Record<string, string>;
      };
      const talkOf = async (who: string) => {
        const { session_id: session, user_id: id } = await call("POST", "/v1/sessions", { title: EVIL }, who);
        const name = encodeURIComponent(FILE);
        const { file } = await call(
          "POST",
          `/v1/sessions/${session}/files?name=${name}`,
          "<script>evil=1</script>",
          who,
        );
        await call("POST", `/v1/sessions/${session}/messages`, { text: EVIL, files: [file] }, who);
        return { session, id };
      };
      const [own, theirs] = [await talkOf(user), await talkOf(stranger)];
      await call("POST", "/v1/feedback", { session_id: theirs.session, rating: -1, comment: EVIL }, stranger);
      const { key_id: key } = await call("POST", "/v1/keys", { name: EVIL, user: theirs.id }, user);
      const expectText = async () =>
        expect(
          await page.evaluate(() => [
            (globalThis as { evil?: number }).evil ?? null,
            document.querySelectorAll("#page :is(script, img, iframe)").length,
          ]),
        ).toEqual([null, 0]);
      await page.goto(`${door.url}/talks/${own.session}`);
      await log(page).getByRole("link", { name: FILE }).waitFor();
      await page.getByRole("button", { name: EVIL, exact: true }).first().waitFor();
      await expectText();
      for (const [path, words] of [
        ["people", stranger],
        [`people/${theirs.id}`, stranger],
        ["sessions", EVIL],
        ["sessions", stranger],
        ["runs", stranger],
        ["feedback", stranger],
        ["keys", stranger],
        [`audit?target=${key}`, EVIL],
        [`sessions/${theirs.session}`, EVIL],
      ] as const) {
        await page.goto(`${door.url}/admin/${path}`);
        await page.getByText(words).first().waitFor();
        await expectText();
      }
    },
    { role: "owner" },
  );
});
