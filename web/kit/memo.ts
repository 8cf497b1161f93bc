import { Component, type ComponentChild, type FunctionComponent, h } from "preact";

/** Draws a component again only when one of its properties is another value. */
export function memo<P extends object>(draw: (props: P) => ComponentChild): FunctionComponent<P> {
  class Remembered extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      return Object.keys({ ...before, ...after }).some((key) => !Object.is(before[key], after[key]));
    }
    override render() {
      return h(draw as FunctionComponent<P>, this.props as P);
    }
  }
  return Remembered as unknown as FunctionComponent<P>;
}
