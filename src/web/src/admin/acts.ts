// The entries of the audit log as texts.
import type { AuditedAct } from "../api/schema";
import { FIELDS, NAMES, quotaText } from "./quotas";

// A newer server may have others.
const ACTS: Partial<Record<string, string>> = {
  disable: "Disabled",
  enable: "Enabled",
  set_quotas: "Changed the quotas of",
  replay: "Replayed the dead letter of",
  drop: "Dropped the dead letter of",
  adopt: "Adopted files",
} satisfies Record<AuditedAct["act"], string>;

const OUTCOMES: Partial<Record<string, string>> = {
  done: "Done",
  failed: "Failed",
  unknown: "Unknown",
} satisfies Record<AuditedAct["outcome"], string>;

export const actText = ({ act }: AuditedAct): string => ACTS[act] ?? act;

export const outcomeText = ({ outcome }: AuditedAct): string => OUTCOMES[outcome] ?? outcome;

export const actorText = ({ actor }: AuditedAct): string =>
  actor.command === null ? (actor.email ?? actor.account ?? "unknown") : `the command ${actor.command}`;

export function targetText({ target }: AuditedAct): string {
  const found = target.email ?? target.account ?? target.subject ?? "";
  const subject = target.email !== null && target.subject !== null ? `${found} (${target.subject})` : found;
  return target.queue === null ? subject : `${subject} in the queue ${target.queue}`.trim();
}

/** The quotas that were changed: "Stored: default → 5 GB". */
export function changes({ act, before, after }: AuditedAct): string[] {
  if (act !== "set_quotas") return [];
  const [old, changed] = [before, after] as [Values, Values];
  return NAMES.filter((name) => (old[name] ?? null) !== (changed[name] ?? null)).map(
    (name) => `${FIELDS[name].label}: ${quotaText(name, old[name])} → ${quotaText(name, changed[name])}`,
  );
}

type Values = Partial<Record<keyof typeof FIELDS, number | null>>;
