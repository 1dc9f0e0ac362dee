import { expect, test } from "vitest";
import { SpeedMeter } from "../src/speed";

test("the speed is unknown until there are samples over half a second", () => {
  const meter = new SpeedMeter();
  expect(meter.perSecond()).toBeNull();
  meter.add(0, 1_000);
  meter.add(100, 1_400);
  expect(meter.perSecond()).toBeNull();
  meter.add(200, 2_000);
  expect(meter.perSecond()).toBe(200);
});

test("the speed is that of the last seconds", () => {
  const meter = new SpeedMeter();
  for (let second = 0; second <= 60; second += 1) meter.add(second < 30 ? second * 1_000 : 29_000 + second, second * 1_000);
  expect(meter.perSecond()).toBe(1);
});

test("a meter that is reset forgets the samples", () => {
  const meter = new SpeedMeter();
  meter.add(0, 0);
  meter.add(100, 1_000);
  meter.reset();
  expect(meter.perSecond()).toBeNull();
});
