import { describe, expect, test } from "vitest";
import { problems, seconds, validOptions, withChanges } from "../src/uploads/options";

test.each([
  ["83.5", 83.5],
  ["0:20", 20],
  ["1:23.5", 83.5],
  ["00:01:23.500", 83.5],
  ["2:00:00", 7_200],
  [" 5 ", 5],
  ["half past", null],
  ["1:60", null],
  ["1:60:00", null],
  ["-1", null],
  ["", null],
])("the time %j is %s seconds", (text, value) => {
  expect(seconds(text)).toBe(value);
});

describe("the options are invalid", () => {
  test("if a time cannot be read", () => {
    expect(problems({ start: "half past", end: "1:99" })).toEqual({
      start: "Enter seconds (83.5) or a time (1:23.5).",
      end: "Enter seconds (83.5) or a time (1:23.5).",
    });
  });

  test("if the end is not later than the start", () => {
    expect(problems({ start: "20", end: "0:20" })).toEqual({ end: "The end must be later than the start (0:20)." });
    expect(problems({ end: "0" })).toEqual({ end: "The end must be later than the start (0:00)." });
    expect(problems({ start: "20", end: "0:20.5" })).toEqual({});
  });

  test("if a time is after 24 hours", () => {
    expect(problems({ start: "24:00:01" })).toEqual({ start: "Enter a time of at most 24 hours." });
    expect(problems({ end: "86400" })).toEqual({});
  });

  test("if a tag is longer than 500 characters", () => {
    expect(problems({ title: "é".repeat(501) })).toEqual({ title: "Enter at most 500 characters." });
    // As many UTF-16 code units as 1,000 other characters.
    expect(problems({ artist: "🎵".repeat(500) })).toEqual({});
  });

  test.each([
    { bitrate: "100" },
    { quality: "10" },
    { channels: "surround" },
    { sample_rate: "22050" },
    { normalize: "yes" },
    { cover: "all" },
    { reencode: "1" },
  ])("if %j is not one of the choices", (options) => {
    expect(Object.keys(problems(options))).toEqual(Object.keys(options));
  });

  test("if they have a bit rate and a quality", () => {
    expect(problems({ bitrate: "64", quality: "2" })).toHaveProperty("quality");
  });

  test.each(["0", "65", "1.5", "two"])("if the audio track is %s", (track) => {
    expect(problems({ track })).toHaveProperty("track");
  });
});

test("without options there are no problems", () => {
  expect(problems({})).toEqual({});
});

test("an empty value removes an option", () => {
  expect(withChanges({ title: "A", bitrate: "64" }, { title: "", bitrate: undefined, quality: "2" })).toEqual({
    quality: "2",
  });
});

describe("of stored options", () => {
  test("the valid ones are used", () => {
    expect(validOptions({ start: "20", end: "5", bitrate: "64", title: 7, codec: "opus", normalize: "true" })).toEqual({
      start: "20",
      bitrate: "64",
      normalize: "true",
    });
  });

  test.each([null, 5, "text", ["64"], undefined])("nothing is used if they are %j", (value) => {
    expect(validOptions(value)).toEqual({});
  });
});
