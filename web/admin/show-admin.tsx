import { render } from "preact";
import "./admin.css";
import { Dashboard } from "./dashboard.tsx";

export function showAdmin(into: Element): void {
  render(<Dashboard />, into);
}
