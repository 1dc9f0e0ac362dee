import { describe, expect, test } from "vitest";
import { problems } from "../src/uploads/options";
import { detailsOf, type Preset, PRESETS, presetOf, withPreset } from "../src/uploads/presets";

const names = Object.keys(PRESETS) as Preset[];

describe.each(names)("the preset %s", (name) => {
  test("is recognised by its options, whatever else is chosen", () => {
    expect(presetOf({ ...PRESETS[name].options, title: "A talk", start: "5" })).toBe(name);
  });

  test("has valid options", () => {
    expect(problems(PRESETS[name].options)).toEqual({});
  });

  test("replaces the sound of another choice and keeps the details", () => {
    const before = { bitrate: "320", sample_rate: "48000", reencode: "true", title: "A talk", cover: "frame" };
    expect(withPreset(before, name)).toEqual({ title: "A talk", cover: "frame", ...PRESETS[name].options });
  });
});

test("without options, the preset is Standard", () => {
  expect(presetOf({})).toBe("standard");
});

test("other options have no preset", () => {
  expect(presetOf({ bitrate: "64", channels: "mono" })).toBeNull();
  expect(presetOf({ quality: "0", reencode: "true" })).toBeNull();
});

test("the details are what no preset decides", () => {
  expect(detailsOf({ quality: "0", channels: "mono", track: "2", end: "9" })).toEqual({ track: "2", end: "9" });
});
