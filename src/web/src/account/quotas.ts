// The usage of an account, as texts and bars.
import type { Account } from "../api/schema";
import { bytes, dateLanguage, duration } from "../format";

export type Usage = Account["usage"];
type Name = keyof Usage;

const count = (value: number): string => new Intl.NumberFormat("en").format(value);
const seconds = (value: number): string => (value === 0 ? "0 min" : duration(value));

const LABELS: Record<Name, [label: string, format: (value: number) => string]> = {
  stored_bytes: ["Stored files", bytes],
  unfinished_uploads: ["Unfinished uploads", count],
  uploaded_bytes_today: ["Uploaded today", bytes],
  conversions_today: ["Conversions today", count],
  seconds_of_sound_today: ["Audio converted today", seconds],
  emails_this_hour: ["Emails this hour", count],
  concurrent_jobs: ["Conversions in progress", count],
};

// Per cent, from which a bar shows that the quota is nearly used up.
const HIGH = 80;

export interface UsageRow {
  name: string;
  label: string;
  text: string;
  /** null: there is no limit. */
  percent: number | null;
  color: string;
}

/** The counters that this page knows, in their order. */
export function usageRows(usage: Partial<Usage>): UsageRow[] {
  return Object.entries(LABELS).flatMap(([name, [label, format]]) => {
    const counter = usage[name as Name];
    if (!counter) return [];
    const { used, limit } = counter;
    const percent = limit === null ? null : limit === 0 ? 100 : Math.min(100, (100 * used) / limit);
    const text = limit === null ? `${format(used)}, no limit` : `${format(used)} of ${format(limit)}`;
    const color = percent === 100 ? "red" : percent !== null && percent >= HIGH ? "orange" : "indigo";
    return [{ name, label, text, percent, color }];
  });
}

/** When the counters of a day begin again (00:00 UTC), in local time. */
export function nextReset(now: number): string {
  const day = 24 * 3600 * 1000;
  const midnight = new Date((Math.floor(now / day) + 1) * day);
  return new Intl.DateTimeFormat(dateLanguage, { timeStyle: "short" }).format(midnight);
}
