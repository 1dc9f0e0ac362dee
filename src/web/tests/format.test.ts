import { describe, expect, test } from "vitest";
import { ago, bytes, clock, duration } from "../src/format";

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1_000, "1 kB"],
  [1_550, "1.6 kB"],
  [12_400_000, "12 MB"],
  [5e15, "5,000 TB"],
])("%d bytes are shown as %s", (count, text) => {
  expect(bytes(count)).toBe(text);
});

test.each([
  [0.2, "1 s"],
  [59.4, "59 s"],
  [90, "2 min"],
  [3_600, "1 h"],
  [4_800, "1 h 20 min"],
])("an estimate of %d seconds is shown as %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [4.4, "0:04"],
  [245, "4:05"],
  [3_845, "1:04:05"],
  [3_599.6, "1:00:00"],
])("a length of %d seconds is shown as %s", (seconds, text) => {
  expect(clock(seconds)).toBe(text);
});

describe("the age of a job", () => {
  const created = "2026-01-02T03:04:05Z";
  const now = (seconds: number) => Date.parse(created) + seconds * 1000;

  test.each([
    [-5, "now"],
    [44, "now"],
    [300, "5 minutes ago"],
    [7_200, "2 hours ago"],
    [86_400, "yesterday"],
    [864_000, "10 days ago"],
  ])("after %d seconds is %s", (seconds, text) => {
    expect(ago(created, now(seconds))).toBe(text);
  });
});
