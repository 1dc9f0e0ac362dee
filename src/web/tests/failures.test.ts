import { describe, expect, test } from "vitest";
import type { Summary } from "../src/api/schema";
import { canRetrySummary, rejection, remedy } from "../src/jobs/remedies";
import { sameOptions } from "../src/jobs/sameOptions";
import { linkError } from "../src/shell/links";
import { failed, job } from "./jobs";

describe("a failed job", () => {
  test.each(["failed", "crashed", "cancelled", "time_limit", null] as const)("with the code %s can be retried", (code) => {
    expect(remedy(failed(code))).toBe("retry");
  });

  test("with a code of a later release can be retried", () => {
    expect(remedy(failed("out_of_luck" as "failed"))).toBe("retry");
  });

  test.each(["no_such_track", "outside_recording", "too_long", "output_too_large", "memory_limit"] as const)(
    "with the code %s needs other options",
    (code) => {
      expect(remedy(failed(code))).toBe("options");
    },
  );

  test.each(["no_audio", "empty_file", "not_a_video", "incomplete", "damaged", "unsupported", "no_longer_stored"] as const)(
    "with the code %s cannot be converted",
    (code) => {
      expect(remedy(failed(code))).toBe("none");
    },
  );

  test("whose chosen track has no sound may have another one that has", () => {
    expect(remedy({ ...failed("no_audio"), options: { track: 2 } })).toBe("options");
    expect(remedy({ ...failed("damaged"), options: { track: 2 } })).toBe("none");
  });
});

test("a summary of a recording without speech cannot be retried", () => {
  const summary = (error_code: Summary["error_code"]) => ({ status: "failed", error_code }) as Summary;
  expect(canRetrySummary(summary("no_speech"))).toBe(false);
  expect(canRetrySummary(summary("provider_unavailable"))).toBe(true);
  expect(canRetrySummary(summary(null))).toBe(true);
});

test.each([
  [{}, {}, true],
  [{ start: "1:00", bitrate: "64" }, { bitrate: "64", start: "60" }, true],
  [{ title: "A  talk " }, { title: "A talk" }, true],
  [{ normalize: "false" }, {}, true],
  [{ bitrate: "192" }, {}, false],
  [{ start: "1" }, { start: "2" }, false],
  [{ title: "60" }, { title: "1:00" }, false],
])("the options %o and %o give the same MP3: %s", (one, other, same) => {
  expect(sameOptions(one, other)).toBe(same);
});

describe("a download link that was not accepted", () => {
  test("has a text for each page that it can lead to", () => {
    for (const code of ["invalid_link", "not_found"]) {
      const texts = (["signIn", "job", "list"] as const).map((place) => linkError(code, place).text);
      expect(new Set(texts).size).toBe(3);
    }
    expect(linkError("not_found", "job").title).toContain("no longer stored");
  });

  test("with a code of a later release counts as invalid", () => {
    expect(linkError("revoked", "list")).toEqual(linkError("invalid_link", "list"));
  });
});

describe("Convert again", () => {
  test("is possible with other options while the video is stored", () => {
    expect(rejection(job({ status: "completed" }), false)).toBeNull();
    expect(rejection(job({ status: "completed" }), true)).toMatch(/^Change an option/);
  });

  test("is not possible without the video, whatever the options are", () => {
    const gone = job({ status: "completed", video_stored: false });
    expect(rejection(gone, false)).toBe(rejection(gone, true));
    expect(rejection(gone, false)).toMatch(/no longer stored/);
  });
});
