import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answered, ModelEntry, ModelOrder, ModelPace } from "./model-messages.ts";

const PROCESS = fileURLToPath(new URL("./model-process.ts", import.meta.url));

type Order = ModelOrder extends infer T ? (T extends unknown ? Omit<T, "id"> : never) : never;

/** The fake model, as the driver has it at hand. */
export class Model {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (answer: Answered) => void; reject: (error: Error) => void }>();
  #orders = 0;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    this.pid = child.pid ?? 0;
    child.on("message", (answer: Answered) => {
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
    child.on("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the fake model has ended"));
    });
  }

  static async start(): Promise<Model> {
    const child = fork(PROCESS, { serialization: "advanced" });
    const [{ url }] = (await once(child, "message")) as [{ url: string }];
    return new Model(child, url);
  }

  async pace(pace: ModelPace): Promise<void> {
    await this.#ask({ do: "pace", pace });
  }

  async journal(): Promise<ModelEntry[]> {
    return (await this.#ask({ do: "journal" })).journal ?? [];
  }

  async forget(): Promise<void> {
    await this.#ask({ do: "forget" });
  }

  /** Resolves once the answer to the question has begun; rejects after 30 s. */
  async speaking(question: string): Promise<void> {
    await this.#ask({ do: "wait-first-chunk", question });
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }

  #ask(order: Order): Promise<Answered> {
    const id = ++this.#orders;
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    this.#waiting.set(id, { resolve, reject });
    this.#child.send({ id, ...order });
    return promise;
  }
}
