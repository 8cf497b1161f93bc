/** A call that Slack refuses: becomes `{ ok: false, error, … }`, with HTTP 200 as Slack has it. */
export class Refusal extends Error {
  readonly error: string;
  /** Further fields of the answer. */
  readonly more: Readonly<Record<string, unknown>>;

  constructor(error: string, more: Readonly<Record<string, unknown>> = {}) {
    super(error);
    this.name = "Refusal";
    this.error = error;
    this.more = more;
  }
}

/** With what Slack says about it in `response_metadata.messages`. */
export function refusalWithWords(error: string, words: string): Refusal {
  return new Refusal(error, { response_metadata: { messages: [`[ERROR] ${words}`] } });
}
