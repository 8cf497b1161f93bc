import { render } from "preact";

export function showAdmin(into: Element): void {
  render(
    <main>
      <h1>Parley: operations</h1>
    </main>,
    into,
  );
}
