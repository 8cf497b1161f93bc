const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
/** Visible ASCII: what a key in a header may be. */
const KEY = /^[\x21-\x7e]+$/;
/** RFC 9110, section 5. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** They say how a request is carried, which is the gateway's affair. RFC 9110, section 7.6.1 */
const OWN_HEADERS =
  /^(host|content-(length|type|encoding)|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|accept-encoding)$/i;

/**
 * Reads the fields of one server; what is wrong goes to `fault`, by the field's name. No value of a variable is part of
 * a fault, and no key stands in the file.
 */
export class EndpointReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #lookup: (name: string) => string | undefined;
  readonly #fault: (field: string, sentence: string) => void;

  constructor(
    fields: Readonly<Record<string, unknown>>,
    lookup: (name: string) => string | undefined,
    fault: (field: string, sentence: string) => void,
  ) {
    this.#fields = fields;
    this.#lookup = lookup;
    this.#fault = fault;
  }

  /** An address all the same when there is none: then that is a fault. */
  baseUrl(field: string, usual: string | null): string {
    const written = this.#fields[field] ?? usual;
    if (isText(written) && URL.canParse(written)) {
      const { protocol, username, password, search, hash } = new URL(written);
      const plain = username === "" && password === "" && search === "" && hash === "";
      if (/^https?:$/.test(protocol) && plain) return written.trim().replace(/\/+$/, "");
    }
    this.#fault(field, "must be the http or https address of its API, without a password, mostly ending in /v1");
    return "http://127.0.0.1";
  }

  key(usual: string, needed: boolean): string {
    const written = this.#fields["key"] ?? null;
    if (written === null) {
      if (usual === "" && needed) this.#fault("key", `is missing; write \${NAME} for a variable that holds it`);
      return usual;
    }
    const name = typeof written === "string" ? VARIABLE.exec(written.trim())?.[1] : undefined;
    if (name === undefined) {
      this.#fault("key", "must be ${NAME}, the variable of the environment that holds it; no key stands in this file");
      return "";
    }
    const key = this.#variable("key", name);
    if (!KEY.test(key)) this.#fault("key", `\${${name}} holds characters that no key has; copy it again`);
    return key;
  }

  headers(): Record<string, string> {
    const written = this.#fields["headers"] ?? {};
    if (!isMapping(written)) {
      this.#fault("headers", "must be a mapping of names to texts");
      return {};
    }
    return Object.fromEntries(
      Object.entries(written).map(([name, value]) => {
        const field = `headers.${name}`;
        const text = String(value).replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, variable: string) =>
          this.#variable(field, variable),
        );
        const fault = isText(value) && HEADER_VALUE.test(text) ? headerFault(name) : NO_HEADER;
        if (fault !== null) this.#fault(field, fault);
        return [name, text];
      }),
    );
  }

  #variable(field: string, name: string): string {
    const value = this.#lookup(name);
    if (value === undefined) this.#fault(field, `\${${name}} is not set; set it, or remove this`);
    return value ?? "unset";
  }
}

const NO_HEADER = "must be a name and a text that a header can have";

/** Null = an operator may set it. */
export function headerFault(name: string): string | null {
  if (!HEADER_NAME.test(name)) return NO_HEADER;
  return OWN_HEADERS.test(name) ? "is set by the gateway; remove it" : null;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
