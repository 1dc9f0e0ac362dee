// Sizes, durations and dates for display.
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat("en", {
    style: "unit",
    unit: UNITS[unit],
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** An estimated duration: "5 s", "3 min", "1 h 20 min". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** A position or length as players show it: "4:05", "1:04:05". */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// Dates are in the browser's language; the rest of the page is in English.
const RELATIVE = new Intl.RelativeTimeFormat(navigator.languages, { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(navigator.languages, { dateStyle: "medium", timeStyle: "short" });

export const dateLanguage = EXACT.resolvedOptions().locale;

export function ago(moment: string, now: number): string {
  const seconds = Math.min(0, (Date.parse(moment) - now) / 1000);
  if (seconds > -45) return RELATIVE.format(0, "second");
  if (seconds > -3600) return RELATIVE.format(Math.round(seconds / 60), "minute");
  if (seconds > -86_400) return RELATIVE.format(Math.round(seconds / 3600), "hour");
  return RELATIVE.format(Math.round(seconds / 86_400), "day");
}

export const exact = (moment: string): string => EXACT.format(new Date(moment));
