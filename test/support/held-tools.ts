import { type ScriptedTools, scriptedTools, untilAbort } from "../fakes/scripted-tools.ts";

/** Tools whose calls end when the test says so, the newest of a name first. */
export class HeldTools {
  readonly source: ScriptedTools;
  readonly #calls: { name: string; call: PromiseWithResolvers<string> }[] = [];

  constructor(...names: string[]) {
    const answer = (name: string) => (_args: string, signal: AbortSignal) => {
      const call = Promise.withResolvers<string>();
      this.#calls.push({ name, call });
      return Promise.race([call.promise, untilAbort(signal)]);
    };
    this.source = scriptedTools(Object.fromEntries(names.map((name) => [name, { answer: answer(name) }])));
  }

  end(name: string): void {
    this.#newest(name).resolve("done");
  }

  fail(name: string): void {
    this.#newest(name).reject(new Error("it broke"));
  }

  #newest(name: string): PromiseWithResolvers<string> {
    const at = this.#calls.findLastIndex((call) => call.name === name);
    if (at === -1) throw new Error(`${name} was not called`);
    return this.#calls.splice(at, 1)[0]!.call;
  }
}
