// Validates the conversion options before they are sent, by the rules of the server (src/common/domain/options.py).
import type { Options } from "../api/jobs";
import type { ConversionOptions } from "../api/schema";
import { clock } from "../format";

type Values<Name extends keyof ConversionOptions> = readonly NonNullable<ConversionOptions[Name]>[];

export const BITRATES: Values<"bitrate"> = [64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
export const QUALITIES: Values<"quality"> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const SAMPLE_RATES: Values<"sample_rate"> = [32000, 44100, 48000];
const CHANNELS: Values<"channels"> = ["keep", "mono", "stereo"];
const COVERS: Values<"cover"> = ["none", "frame"];
// s
const LONGEST = 24 * 3600;
const LONGEST_TAG = 500;
const MOST_TRACKS = 64;

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

function time(value: string): string | false {
  const read = seconds(value);
  if (read === null) return "Enter seconds (83.5) or a time (1:23.5).";
  return read > LONGEST && "Enter a time of at most 24 hours.";
}

const oneOf = (allowed: readonly (string | number)[]) => (value: string) =>
  !allowed.map(String).includes(value) && `Choose one of ${allowed.join(", ")}.`;

// The server counts characters, not UTF-16 code units.
const tag = (value: string) => [...value].length > LONGEST_TAG && `Enter at most ${LONGEST_TAG} characters.`;

/** For each option, what is wrong with a value; false for a valid one. */
const CHECKS: Record<keyof ConversionOptions, (value: string) => string | false> = {
  bitrate: oneOf(BITRATES),
  quality: oneOf(QUALITIES),
  channels: oneOf(CHANNELS),
  sample_rate: oneOf(SAMPLE_RATES),
  start: time,
  end: time,
  normalize: oneOf(["true", "false"]),
  title: tag,
  artist: tag,
  album: tag,
  cover: oneOf(COVERS),
  track: (value) =>
    !(/^\d{1,2}$/.test(value.trim()) && Number(value) >= 1 && Number(value) <= MOST_TRACKS) &&
    `Enter a number from 1 to ${MOST_TRACKS}.`,
  reencode: oneOf(["true", "false"]),
};

const NAMES = Object.keys(CHECKS) as (keyof ConversionOptions)[];

/** The invalid options, each with a text for the user. */
export function problems(options: Options): Options {
  const found: Options = {};
  for (const name of NAMES) {
    const problem = options[name] && CHECKS[name](options[name]);
    if (problem) found[name] = problem;
  }
  const start = seconds(options.start || "0");
  const end = options.end ? seconds(options.end) : null;
  if (start !== null && end !== null && end <= start) {
    found.end ??= `The end must be later than the start (${clock(start)}).`;
  }
  if (options.bitrate && options.quality) found.quality ??= "Choose either a bit rate or a quality.";
  return found;
}

export const isValid = (options: Options): boolean => Object.keys(problems(options)).length === 0;

/** The valid options of a value of any kind. */
export function validOptions(value: unknown): Options {
  if (typeof value !== "object" || !value) return {};
  const known = Object.entries(value).filter(
    ([name, text]) => NAMES.some((other) => other === name) && typeof text === "string",
  );
  const options: Options = Object.fromEntries(known);
  return withChanges(options, Object.fromEntries(Object.keys(problems(options)).map((name) => [name, undefined])));
}

/** The options with some of them changed; an empty value removes an option. */
export function withChanges(options: Options, changes: { [Name in keyof Options]: string | undefined }): Options {
  return Object.fromEntries(Object.entries({ ...options, ...changes }).filter(([, value]) => !!value));
}
