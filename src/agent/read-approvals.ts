import type { SettingsOf } from "./agent-settings.ts";
import { TOOL_POLICIES, type ToolPolicies } from "./tool-policy.ts";

export const APPROVAL_FIELDS = ["approvals", "approvers", "approval_minutes", "offer"] as const;
export type ApprovalField = (typeof APPROVAL_FIELDS)[number];

/** A question is edited when it is decided, which what shows it gives up on after a day. */
const MAX_MINUTES = 12 * 60;
/** As ALLOWED_USERS names people. */
const PERSON = /^(telegram:[1-9]\d{0,15}|slack:[TE][A-Z0-9]+:[UW][A-Z0-9]+)$/;
/** Names of tools hold these signs only. */
const GLOB = /^[\w*-]+$/;

/** Reads one of the fields into the settings; returns what is wrong with it, else null. */
export function readApprovalField(into: SettingsOf, field: ApprovalField, value: unknown): string | null {
  switch (field) {
    case "approvals":
      if (!arePolicies(value))
        return `must map names of tools, or globs such as "mail__*", to ${TOOL_POLICIES.join(", ")}`;
      into.approvals = value;
      return null;
    case "approvers":
      if (!isListOf(value, PERSON)) return 'must be a list of people, for example "telegram:123" or "slack:T1:U2"';
      into.approvers = value;
      return null;
    case "approval_minutes":
      if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > MAX_MINUTES) {
        return `must be a whole number from 1 to ${MAX_MINUTES}`;
      }
      into.approval_minutes = Number(value);
      return null;
    case "offer":
      if (!isListOf(value, GLOB)) return 'must be a list of names of tools, or of globs such as "mail__*"';
      into.offer = value;
      return null;
    default:
      return field satisfies never;
  }
}

function arePolicies(value: unknown): value is ToolPolicies {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([glob, policy]) => GLOB.test(glob) && TOOL_POLICIES.some((each) => each === policy))
  );
}

function isListOf(value: unknown, shape: RegExp): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string" && shape.test(each));
}
