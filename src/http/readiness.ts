export interface Readiness {
  ready: boolean;
  checks: Record<string, string>;
}
