// Validates the conversion options before they are sent.
import type { Options } from "../api/jobs";
import { clock } from "../format";

const TIME = /^(?:(?:(\d{1,2}):)?(\d{1,3}):([0-5]?\d(?:\.\d{1,6})?)|(\d{1,6}(?:\.\d{1,6})?))$/;

/** Reads "83.5", "1:23.5" or "0:01:23.5" as seconds; null for anything else. */
export function seconds(text: string): number | null {
  const match = TIME.exec(text.trim());
  if (!match) return null;
  const [, hours, minutes, rest, plain] = match;
  if (plain !== undefined) return Number(plain);
  if (hours !== undefined && Number(minutes) >= 60) return null;
  return Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(rest);
}

/** The invalid options, each with a text for the user. The server validates them again. */
export function problems(options: Options): Options {
  const found: Options = {};
  for (const name of ["start", "end"] as const) {
    const value = options[name];
    if (value && seconds(value) === null) found[name] = "Enter seconds (83.5) or a time (1:23.5).";
  }
  const start = seconds(options.start ?? "0");
  const end = options.end ? seconds(options.end) : null;
  if (start !== null && end !== null && end <= start) {
    found.end = `The end must be later than the start (${clock(start)}).`;
  }
  if (options.track && !/^([1-9]|[1-5]\d|6[0-4])$/.test(options.track)) found.track = "Enter a number from 1 to 64.";
  return found;
}

/** The options with some of them changed; an empty value removes an option. */
export function withChanges(options: Options, changes: { [Name in keyof Options]: string | undefined }): Options {
  return Object.fromEntries(Object.entries({ ...options, ...changes }).filter(([, value]) => !!value));
}
