import { expect, it, test } from "vitest";
import { SECRET_NAMES } from "../src/config-names.ts";
import { cardServerVariables, cardVariables, readConfig } from "../src/config.ts";

const TOKEN = "123456789:AAE-q8Zr2Lk5Wm0Xc7Vt4Bn1Hs6Jd3Gf9Py";
const env = {
  TELEGRAM_BOT_TOKEN: TOKEN,
  DATABASE_URL: "postgres://u:correcthorse@db/x",
  COMPANY: "Acme",
  EMPTY: "",
  PORT: "8080",
  COPY: `bot ${TOKEN}`,
  DATABASE_HINT: "correcthorse-1",
  CACHE: "redis://ann:pw@cache:6379",
  GITHUB_TOKEN: "ghp_1",
  AWS_SECRET_ACCESS_KEY: "x",
  PGPASSWORD: "x",
  MONKEY: "banana",
};
const lookup = cardVariables(readConfig(env), env);

test("cards get plain variables as they are", () => {
  expect(["COMPANY", "EMPTY", "PORT", "MONKEY", "UNSET", "toString"].map(lookup)).toEqual([
    "Acme",
    "",
    "8080",
    "banana",
    undefined,
    undefined,
  ]);
});

test("cards get none of the gateway's secrets, set or not, from a file or not", () => {
  for (const name of SECRET_NAMES) expect([lookup(name), lookup(`${name}_FILE`)]).toEqual([null, null]);
});

test("cards get nothing of what providers are made with, once that is known", () => {
  const known = new Set<string>();
  const own = cardVariables(readConfig(env), env, known);
  expect(own("COMPANY")).toBe("Acme");
  known.add("Acme");
  expect(own("COMPANY")).toBeNull();
});

test.each(["COPY", "DATABASE_HINT", "CACHE", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"])(
  "cards do not get %s, which is or holds a secret",
  (name) => {
    expect(lookup(name)).toBeNull();
  },
);

it("does not take a short password for part of a longer word", () => {
  const other = { DATABASE_URL: "postgres://u:me@db/x", COMPANY: "Acme", SAME: "me" };
  const short = cardVariables(readConfig(other), other);
  expect([short("COMPANY"), short("SAME")]).toEqual(["Acme", null]);
});

test("a card's own servers may name every variable but the gateway's secrets", () => {
  const named = cardServerVariables({ MAIL_TOKEN: "m", OPENAI_API_KEY: "k", ADMIN_API_KEY_FILE: "/f", EMPTY: "" });
  expect(["MAIL_TOKEN", "OPENAI_API_KEY", "ADMIN_API_KEY_FILE", "EMPTY"].map(named)).toEqual([
    "m",
    undefined,
    undefined,
    undefined,
  ]);
});
