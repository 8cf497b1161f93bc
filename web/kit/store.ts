import { useEffect, useReducer, useRef } from "preact/hooks";

/** A value that changes as a whole, and those who look at it. */
export class Store<T> {
  #value: T;
  readonly #lookers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const look of this.#lookers) look();
  }

  change(part: Partial<T>): void {
    this.set({ ...this.#value, ...part });
  }

  follow(look: () => void): () => void {
    this.#lookers.add(look);
    return () => this.#lookers.delete(look);
  }
}

/** What `pick` takes from the store; the component is drawn anew when that is another value. */
export function useStore<T, P>(store: Store<T>, pick: (value: T) => P): P {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const picking = useRef(pick);
  picking.current = pick;
  const picked = pick(store.value);
  const shown = useRef(picked);
  shown.current = picked;
  useEffect(() => {
    const look = () => {
      if (!Object.is(picking.current(store.value), shown.current)) redraw(undefined);
    };
    look();
    return store.follow(look);
  }, [store]);
  return picked;
}
