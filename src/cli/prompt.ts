import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Asks one question after the other, of a person or of lines that are piped in. */
export class Prompt implements Disposable {
  readonly #lines;
  readonly #answers: AsyncIterator<string>;
  readonly #output: NodeJS.WritableStream;
  readonly #terminal: boolean;
  /** Between questions, too: what is typed ahead may be a secret. */
  #hidden = true;
  #closed = false;
  #over = false;

  /** `onInterrupt`: Ctrl-C at a terminal. */
  constructor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream, onInterrupt: () => void) {
    this.#terminal = "isTTY" in input && input.isTTY === true;
    const echo = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#hidden) output.write(chunk);
        done();
      },
    });
    this.#output = output;
    this.#lines = createInterface({ input, output: echo, terminal: this.#terminal, historySize: 0 });
    this.#lines.on("SIGINT", onInterrupt);
    this.#lines.on("close", () => (this.#closed = true));
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** The input is at its end: nobody answers any more. */
  get over(): boolean {
    return this.#over;
  }

  /** The answer, trimmed; "" also once nobody answers. What is `hidden` is not shown while it is typed. */
  async ask(question: string, hidden: boolean): Promise<string> {
    if (this.#over) return "";
    this.#hidden = false;
    if (this.#terminal && !this.#closed) {
      this.#lines.setPrompt(question);
      this.#lines.prompt();
    } else this.#output.write(question);
    this.#hidden = hidden;
    const { done, value } = await this.#answers.next();
    this.#hidden = true;
    // A terminal echoes the end of a line that it shows.
    if (hidden || done === true || !this.#terminal) this.#output.write("\n");
    if (done === true) this.#over = true;
    return done === true ? "" : value.trim();
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }
}
