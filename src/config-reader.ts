import { isIP } from "node:net";
import { resolve } from "node:path";
import { type ConfigName, SECRET_NAMES, type SecretName } from "./config-names.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type ReadFile = (path: string) => string;

const EXAMPLE = /change.?me|replace.?me|example|placeholder|default|your[-_ ]|xxxx|12345678/i;

/**
 * Reads single settings and collects what is wrong with them, so that all faults are reported at once: after a fault
 * every method returns something harmless and goes on. A fault says what is wrong and what to do, never the value.
 */
export class ConfigReader {
  readonly faults: string[] = [];
  readonly #env: Environment;
  readonly #readFile: ReadFile;

  constructor(env: Environment, readFile: ReadFile) {
    this.#env = env;
    this.#readFile = readFile;
  }

  fault(name: string, whatAndRemedy: string): null {
    this.faults.push(`${name} ${whatAndRemedy}`);
    return null;
  }

  /** Was something about this setting, or its file, wrong already? */
  isFaulty(name: ConfigName): boolean {
    return this.faults.some((fault) => fault.startsWith(name));
  }

  /** The trimmed value; null = unset or empty. Secrets may come from the file that `<name>_FILE` names. */
  text(name: ConfigName): string | null {
    return (SECRET_NAMES as readonly string[]).includes(name) ? this.#secret(name as SecretName) : this.#value(name);
  }

  choice<T extends string>(name: ConfigName, choices: readonly T[], otherwise: T): T {
    const text = this.text(name);
    if (text === null) return otherwise;
    const chosen = choices.find((choice) => choice === text);
    if (chosen === undefined) this.fault(name, `has an unknown value. Write one of: ${choices.join(", ")}.`);
    return chosen ?? otherwise;
  }

  /** A whole URL without user, password, query and fragment; returned without a slash at its end. */
  url(name: ConfigName, protocols: readonly string[] = ["https:", "http:"]): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const url = URL.parse(text);
    if (url === null || !protocols.includes(url.protocol) || url.hostname === "") {
      return this.fault(name, `is not a URL of the kind it must be. Write one that starts with ${protocols[0]}//.`);
    }
    if (url.username !== "" || url.password !== "") {
      return this.fault(name, "holds a user name or password. Remove it: URLs end up in logs.");
    }
    if (url.search !== "" || url.hash !== "") {
      return this.fault(name, "has a part after ? or #. Remove it.");
    }
    return url.href.replace(/\/+$/, "");
  }

  path(name: ConfigName, otherwise: string): string {
    const text = this.text(name) ?? otherwise;
    if (/\p{Cc}/u.test(text)) this.fault(name, "is not a path. Write the path of a directory.");
    return resolve(text.replaceAll("\0", ""));
  }

  /** A secret that somebody must have made at random: long enough, of these characters, and not copied from a page. */
  key(
    name: SecretName,
    shape: { pattern: RegExp; characters: string; min: number; max: number; remedy?: string },
  ): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const make = shape.remedy ?? "Make one with: openssl rand -hex 32";
    if (text.length < shape.min) return this.fault(name, `is shorter than ${shape.min} characters. ${make}`);
    if (text.length > shape.max) return this.fault(name, `is longer than ${shape.max} characters. ${make}`);
    if (!shape.pattern.test(text)) return this.fault(name, `may only hold ${shape.characters}. ${make}`);
    if (EXAMPLE.test(text) || new Set(text).size < 8) return this.fault(name, `is an example, not a secret. ${make}`);
    return text;
  }

  /** The entries of a list that is separated by commas or spaces, with their numbers for faults. */
  list(name: ConfigName): { entry: string; no: number }[] {
    const entries = (this.text(name) ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
    return entries.map((entry, index) => ({ entry, no: index + 1 }));
  }

  #value(name: string): string | null {
    const value = Object.hasOwn(this.#env, name) ? this.#env[name]?.trim() : undefined;
    return value === undefined || value === "" ? null : value;
  }

  #secret(name: SecretName): string | null {
    const value = this.#value(name);
    const path = this.#value(`${name}_FILE`);
    if (path === null) return value;
    if (value !== null) return this.fault(name, `and ${name}_FILE are both set. Keep one of them.`);
    let content: string;
    try {
      content = this.#readFile(path);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
      // The path is not shown: it may be a secret that was written into the wrong setting.
      return this.fault(`${name}_FILE`, `cannot be read${code}. Write the path of a file this process may read.`);
    }
    const secret = content.replace(/[\r\n]+$/, "");
    return secret === "" ? this.fault(`${name}_FILE`, "is an empty file. Put the secret into it.") : secret;
  }
}

/** An address, or a range like 10.0.0.0/8. */
export function isAddressRange(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
