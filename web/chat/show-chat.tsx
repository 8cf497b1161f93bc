import { render } from "preact";

export function showChat(into: Element): void {
  render(
    <main>
      <h1>Parley</h1>
    </main>,
    into,
  );
}
