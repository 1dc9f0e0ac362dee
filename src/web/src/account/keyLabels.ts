// Texts about API keys.
import type { Scope } from "../api/keys";
import type { ApiKey } from "../api/schema";

/** From the smallest to the largest: each allows what those before it allow. */
export const SCOPES: { value: Scope; label: string; description: string }[] = [
  { value: "read", label: "Read", description: "See your conversions, and download MP3s and transcripts" },
  { value: "convert", label: "Convert", description: "Also upload, convert again, cancel and summarize" },
  { value: "all", label: "Everything", description: "Also delete, change settings, list and revoke API keys" },
];

/** The value is the number of days; empty: the key does not expire. */
export const EXPIRIES = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "", label: "Never" },
];

export const scopeLabel = (scope: Scope): string => SCOPES.find(({ value }) => value === scope)?.label ?? scope;

export const daysOf = (value: string): number | null => (value === "" ? null : Number(value));

export const hasExpired = (key: ApiKey, now: number): boolean =>
  key.expires_at !== null && Date.parse(key.expires_at) <= now;
