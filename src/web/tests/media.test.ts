import { describe, expect, test } from "vitest";
import { ACCEPT, isMedia, refusalText } from "../src/uploads/media";

test.each([
  ["talk.mp4", "video/mp4"],
  ["song.mp3", "audio/mpeg"],
  ["talk.mkv", ""],
  // The type of the file name in a browser is that of TypeScript, or of a translation.
  ["recording.ts", "text/vnd.trolltech.linguist"],
  ["recording.M2TS", "application/octet-stream"],
  ["recording", ""],
])("%s of the type %j can be uploaded", (name, type) => {
  expect(isMedia({ name, type })).toBe(true);
});

test.each([
  ["letter.pdf", "application/pdf"],
  ["photo.jpg", "image/jpeg"],
  ["mkv", "text/plain"],
])("%s of the type %j cannot", (name, type) => {
  expect(isMedia({ name, type })).toBe(false);
});

test("the dialog of the browser offers videos, audio files, and files that browsers do not know", () => {
  const accepted = ACCEPT.split(",");
  for (const kind of ["video/*", "audio/*", ".mkv", ".ts", ".m2ts", ".flv"]) expect(accepted).toContain(kind);
});

describe("refused files", () => {
  const files = (count: number) => ["a.pdf", "b.txt", "c.jpg", "d.zip", "e.doc"].slice(0, count).map((name) => ({ name }));

  test.each([
    [0, ""],
    [1, "a.pdf was not added: it is not a video or audio file."],
    [2, "2 files were not added, because they are not video or audio files: a.pdf and b.txt."],
    [5, "5 files were not added, because they are not video or audio files: a.pdf, b.txt, c.jpg, and 2 more."],
  ])("%d of them are named", (count, text) => {
    expect(refusalText(files(count))).toBe(text);
  });
});
