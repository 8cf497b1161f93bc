import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** The image is built by a real engine (docs/operations.md); here its recipe is read. */
const ROOT = path.join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(path.join(ROOT, name), "utf8");

interface Instruction {
  name: string;
  rest: string;
}

function readDockerfile(text: string): Instruction[] {
  return text
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest };
    });
}

const recipe = readDockerfile(read("Dockerfile"));
const stages = recipe.reduce<Instruction[][]>((all, step) => {
  if (step.name === "FROM") all.push([]);
  all.at(-1)?.push(step);
  return all;
}, []);
const image = stages.at(-1) ?? [];
const all = (steps: Instruction[], name: string) => steps.filter((step) => step.name === name).map((step) => step.rest);
/** What is copied from the checkout. */
const sources = all(recipe, "COPY")
  .filter((rest) => !rest.startsWith("--from="))
  .flatMap((rest) => rest.split(" ").slice(0, -1))
  .filter((name, at, names) => names.indexOf(name) === at);

test("every stage starts from one Node image, of the version the program needs, which a digest can replace", () => {
  expect(stages.length).toBe(3);
  expect(all(recipe, "ARG")).toEqual(["NODE_IMAGE=node:24-slim"]);
  expect(all(recipe, "FROM")).toEqual(["${NODE_IMAGE} AS dependencies", "${NODE_IMAGE} AS page", "${NODE_IMAGE}"]);
  const { engines } = JSON.parse(read("package.json")) as { engines: { node: string } };
  expect(engines.node).toMatch(/^>=24\./);
});

test("security-41: the program runs without root and owns nothing but its data", () => {
  const user = image.findIndex((step) => step.name === "USER");
  expect(image[user]?.rest).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(image.slice(user).filter((step) => ["RUN", "COPY", "ADD", "VOLUME"].includes(step.name))).toEqual([]);
  const [compiling, ...others] = all(image, "RUN");
  expect(JSON.parse(compiling ?? "")).toEqual([
    "node",
    "--import",
    "./src/compile-cache.js",
    "--input-type=module",
    "-e",
    "await import('./src/main.ts')",
  ]);
  expect(others).toEqual(["mkdir /data && chown 1000:1000 /data && chmod 700 /data"]);
  expect(all(image, "VOLUME")).toEqual(["/data"]);
  expect(all(image, "COPY").filter((rest) => rest.includes("--chown"))).toEqual([]);
});

test("security-40: the image installs what the lockfile names, and runs no script of a package", () => {
  const installs = all(recipe, "RUN").filter((rest) => /\bnpm\b/.test(rest));
  expect(installs).toEqual([
    "npm ci --omit=dev --omit=optional --ignore-scripts --no-audit",
    // Of this stage the image gets what was built alone.
    "npm ci --ignore-scripts --no-audit",
    "npm run build",
  ]);
  expect(all(image, "COPY").filter((rest) => rest.startsWith("--from="))).toEqual([
    "--from=dependencies /app/node_modules ./node_modules",
    "--from=page /app/dist ./dist",
  ]);
  expect(all(recipe, "RUN").join("\n")).not.toMatch(/curl|wget|apt|https?:/);
  expect(all(recipe, "ADD")).toEqual([]);
});

test("security-29: no secret is part of the image", () => {
  const settings = [...all(recipe, "ENV"), ...all(recipe, "ARG")].join(" ");
  expect(settings).not.toMatch(/TOKEN|SECRET|KEY|PASSWORD|DATABASE_URL/i);
  expect(sources.filter((name) => /^\.$|\.env|data|\.git/.test(name))).toEqual([]);
});

test("the build is given exactly what is copied", () => {
  const lines = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines[0]).toBe("*");
  expect(lines.slice(1).toSorted()).toEqual(sources.map((name) => `!${name}`).toSorted());
});

test("it listens beyond loopback by its own word, keeps data in the volume and tells its health by Node alone", () => {
  expect(all(image, "ENV").join(" ")).toMatch(/HOST=0\.0\.0\.0 .*DATA_DIR=\/data/);
  expect(all(image, "HEALTHCHECK").join("\n")).toMatch(/CMD \["node", "-e", ".*\/healthz/);
  const { scripts } = JSON.parse(read("package.json")) as { scripts: { start: string } };
  const command = JSON.parse(all(image, "CMD").join("\n")) as string[];
  // A checkout's start reads a file of settings, and builds the page, which the image holds.
  const inside = scripts.start.replace(/--env-file-if-exists=\.env |--import \.\/web\/prepare\.js /g, "");
  expect(inside).toBe(command.join(" "));
});
