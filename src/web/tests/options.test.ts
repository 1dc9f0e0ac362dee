import { describe, expect, test } from "vitest";
import { problems, seconds, withChanges } from "../src/uploads/options";

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
