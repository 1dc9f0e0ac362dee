// The form for the quotas of an account: texts in units that people use, and the numbers of the API.
import type { Quotas } from "../api/admin";

export type QuotaName = keyof Quotas;

interface Field {
  label: string;
  /** The unit of the text; absent for numbers of things. */
  unit?: string;
  /** How many of the API's units are one of the text's. */
  size: number;
}

export const FIELDS: Record<QuotaName, Field> = {
  stored_bytes: { label: "Stored", unit: "GB", size: 1e9 },
  unfinished_uploads: { label: "Unfinished uploads", size: 1 },
  uploaded_bytes_per_day: { label: "Uploads a day", unit: "GB", size: 1e9 },
  conversions_per_day: { label: "Conversions a day", size: 1 },
  seconds_of_sound_per_day: { label: "Converted sound a day", unit: "min", size: 60 },
  emails_per_hour: { label: "Emails an hour", size: 1 },
  concurrent_jobs: { label: "Conversions at the same time", size: 1 },
};

export const NAMES = Object.keys(FIELDS) as QuotaName[];

export type Texts = Record<QuotaName, string>;

/** What the fields contain: nothing for the default. */
export const texts = (quotas: Quotas): Texts => each((name) => inUnit(name, quotas[name]));

/** The numbers for the API. */
export const numbers = (fields: Texts): Quotas => each((name) => parsed(name, fields[name]));

/** Why the text of a field cannot be saved; null if it can. */
export function problem(name: QuotaName, text: string): string | null {
  const value = parsed(name, text);
  if (value === null) return null;
  if (!Number.isFinite(value) || value < 0) return "Enter a number, or nothing for the default.";
  if (value > Number.MAX_SAFE_INTEGER) return "The number is too large. 0 is no limit.";
  if (value === 0 && Number(normal(text)) !== 0) return "The number is too small.";
  return FIELDS[name].size === 1 && !Number.isInteger(Number(normal(text))) ? "Enter a whole number." : null;
}

/** "5 GB", "no limit" or "default". */
export function quotaText(name: QuotaName, value: number | null | undefined): string {
  if (value === null || value === undefined) return "default";
  if (value === 0) return "no limit";
  const { unit, size } = FIELDS[name];
  const text = new Intl.NumberFormat("en", { maximumFractionDigits: 2 }).format(value / size);
  return unit ? `${text} ${unit}` : text;
}

function inUnit(name: QuotaName, value: number | null): string {
  // Enough digits to get the same number back.
  return value === null ? "" : String(Number((value / FIELDS[name].size).toFixed(9)));
}

function parsed(name: QuotaName, text: string): number | null {
  return text.trim() === "" ? null : Math.round(Number(normal(text)) * FIELDS[name].size);
}

const normal = (text: string): string => text.trim().replace(",", ".");

function each<Value>(value: (name: QuotaName) => Value): Record<QuotaName, Value> {
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as Record<QuotaName, Value>;
}
