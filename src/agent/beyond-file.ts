import { isDeepStrictEqual } from "node:util";
import { readCard, readCardFields, type VariableLookup } from "./read-card.ts";

/**
 * What an edit may say as it likes. Every other field, also one that is new to the format, is as in the file, because
 * it may run code, reach a server or another agent, read files or show the agent to people.
 */
const FREE = ["description", "instruction", "model", "use_history", "request_params"];
/** What an instruction has in place of a file's text. */
export const NAMED_FILE = /\{\{(file|file_silent):([^{}\n]*)\}\}/g;

/**
 * What an edited card asks for and its file does not, a sentence each: that only who owns the machine may grant. Throws
 * GatewayError `invalid` if either is no card.
 */
export function beyondFile(name: string, written: string, edited: string, lookup: VariableLookup): string[] {
  const file = readFully(name, written, lookup);
  const edit = readFully(name, edited, lookup);
  const names = new Set([...file.fields.keys(), ...edit.fields.keys()]);
  const held = [...names].filter(
    (field) => !FREE.includes(field) && !isDeepStrictEqual(file.fields.get(field), edit.fields.get(field)),
  );
  return [
    ...held.map((field) => `${field}: can be changed in the file alone, by who owns the machine`),
    ...more(edit.variables, file.variables).map((variable) => `\${${variable}}: the file does not name this variable`),
    ...more(edit.files, file.files).map((placeholder) => `instruction: the file does not name ${placeholder}`),
  ].map((fault) => `${name}: ${fault}`);
}

function readFully(name: string, text: string, lookup: VariableLookup) {
  const variables = new Set<string>();
  const { card } = readCard(name, text, (variable) => {
    variables.add(variable);
    return lookup(variable);
  });
  const files = new Set([...card.instruction.matchAll(NAMED_FILE)].map(([placeholder]) => placeholder));
  return { fields: readCardFields(name, text), variables, files };
}

function more(these: ReadonlySet<string>, those: ReadonlySet<string>): string[] {
  return [...these].filter((each) => !those.has(each));
}
