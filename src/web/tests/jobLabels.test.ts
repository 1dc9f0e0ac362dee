import { describe, expect, test } from "vitest";
import { hasEnded, isCancelled, withTypes } from "../src/api/jobs";
import type { Job } from "../src/api/schema";
import { advice, endMessage, mp3Name, optionRows, resultRows, statusOf } from "../src/jobs/labels";
import { failed, job } from "./jobs";

describe("a job", () => {
  test.each(["queued", "converting"] as const)("that is %s has not ended", (status) => {
    expect(hasEnded(job({ status }))).toBe(false);
  });

  test.each(["completed", "failed"] as const)("that is %s has ended", (status) => {
    expect(hasEnded(job({ status }))).toBe(true);
  });

  test("is cancelled by its code and not by its text", () => {
    expect(isCancelled(failed("cancelled"))).toBe(true);
    expect(isCancelled(failed("failed", "Cancelled by you."))).toBe(false);
    expect(statusOf(failed("cancelled")).text).toBe("Cancelled");
    expect(statusOf(failed("no_audio")).text).toBe("Failed");
    expect(statusOf(job({ status: "completed" })).text).toBe("Completed");
  });

  test("of a newer release shows its status and counts as in progress", () => {
    const newer = job({ status: "archiving" as Job["status"] });
    expect(statusOf(newer).text).toBe("archiving");
    expect(hasEnded(newer)).toBe(false);
    expect(endMessage(newer)).toBe("");
    expect(advice(failed("too_loud" as Job["error_code"]))).toMatch(/^Try again/);
    expect(optionRows(job({ options: { loudness: -14 } as Job["options"] }))).toEqual([]);
  });

  test("is announced when it ends", () => {
    expect(endMessage(job({ status: "converting" }))).toBe("");
    expect(endMessage(job({ status: "completed" }))).toBe("talk.mp4 is ready.");
    expect(endMessage(failed("no_audio", "This video has no audio track"))).toContain("This video has no audio track");
    expect(endMessage(failed("cancelled"))).toBe("The conversion of talk.mp4 was cancelled.");
  });
});

test.each([
  ["no_audio", /has audio/],
  ["incomplete", /plays on your computer/],
  ["not_a_video", /common format/],
  ["too_long", /a part of the video/],
  ["no_longer_stored", /^Upload the video again/],
  ["crashed", /^Try again/],
  [null, /^Try again/],
] as const)("the advice for the error %s depends on the code", (code, text) => {
  expect(advice(failed(code))).toMatch(text);
});

test("the advice about a chosen track without audio is to choose another one", () => {
  expect(advice({ ...failed("no_audio"), options: { track: 2 } })).toBe("Choose another audio track.");
});

test.each([
  ["talk.mp4", "talk.mp3"],
  ["Interview with Dr. No", "Interview with Dr. No.mp3"],
  [".mp4", ".mp4.mp3"],
  ["a.b.webm", "a.b.mp3"],
])("the MP3 of %s is named %s", (filename, name) => {
  expect(mp3Name(job({ filename }))).toBe(name);
});

test("options are sent with the types of the API", () => {
  const options = { bitrate: "128", track: "2", start: "1:23.5", normalize: "true", title: "7", channels: "mono" };
  expect(withTypes(options)).toEqual({
    bitrate: 128,
    track: 2,
    start: "1:23.5",
    normalize: true,
    title: "7",
    channels: "mono",
  });
});

test("only the chosen options are shown", () => {
  expect(optionRows(job({ options: { bitrate: 64, start: 0, normalize: true, title: null } }))).toEqual([
    ["Bit rate", "64 kbit/s"],
    ["Start", "0 s"],
    ["Volume", "normalised (EBU R 128)"],
  ]);
});

describe("the result", () => {
  const result = {
    duration: 245,
    size: 5_900_000,
    bitrate: 192,
    variable: false,
    quality: null,
    sample_rate: 44_100,
    channels: 2 as const,
    video_size: 80_000_000,
    notes: [],
  };

  test("shows what the MP3 is like", () => {
    expect(resultRows(result, null)).toEqual([
      ["Duration", "4:05"],
      ["Size", "5.9 MB (video: 80 MB)"],
      ["Quality", "192 kbit/s"],
      ["Audio", "stereo, 44.1 kHz"],
    ]);
  });

  test("shows how much of the video was uploaded", () => {
    const original = { size: 2_000_000_000, start: 0, duration: 60 };
    expect(resultRows(result, original)[1]).toEqual(["Size", "5.9 MB (video: 2 GB, of which 80 MB of sound were uploaded)"]);
  });

  test("says that a bit rate is an average", () => {
    const quality = (changes: object) => Object.fromEntries(resultRows({ ...result, ...changes }, null))["Quality"];
    expect(quality({ variable: true })).toBe("variable, about 192 kbit/s");
    expect(quality({ variable: true, quality: 2 })).toBe("V2, about 192 kbit/s");
  });
});
