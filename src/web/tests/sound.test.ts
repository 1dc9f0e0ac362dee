import { beforeEach, expect, test, vi } from "vitest";
import type { Answer, Request } from "../src/uploads/soundOnly/messages";
import { soundOf } from "../src/uploads/soundOnly/sound";

/** Answers what the test wants, later. */
class FakeWorker {
  static answers: (request: Request) => Answer | null;
  static terminated = 0;
  onmessage?: (event: { data: Answer }) => void;
  onerror?: () => void;

  postMessage(request: Request) {
    setTimeout(() => {
      const data = FakeWorker.answers(request);
      if (data) this.onmessage?.({ data });
      else this.onerror?.();
    });
  }

  terminate() {
    FakeWorker.terminated += 1;
  }
}

vi.stubGlobal("Worker", FakeWorker);
const file = new File(["12345678"], "talk.mp4");
let stop = new AbortController();

beforeEach(() => {
  stop = new AbortController();
  FakeWorker.terminated = 0;
});

test("the sound is described for the server and read in order", async () => {
  FakeWorker.answers = (request) =>
    "file" in request ? { length: 5, start: 1.4, duration: 4 } : { bytes: new Uint8Array([request.at, request.length]) };
  const sound = await soundOf(file, stop.signal);
  expect(sound?.size).toBe(5);
  expect(sound?.metadata).toEqual({
    sound_only: "true",
    original_size: "8",
    original_start: "1.400000",
    original_duration: "4.000",
  });
  expect(await Promise.all([sound?.slice(0, 2), sound?.slice(2, 5)])).toEqual([new Uint8Array([0, 2]), new Uint8Array([2, 3])]);
  stop.abort();
  expect(FakeWorker.terminated).toBe(1);
});

test.each([{ error: "Unsure" }, null])("the whole video is sent after the answer %o", async (answer) => {
  FakeWorker.answers = () => answer;
  expect(await soundOf(file, stop.signal)).toBeNull();
  expect(FakeWorker.terminated).toBe(1);
});

test("a video that cannot be read any more ends the upload", async () => {
  FakeWorker.answers = (request) => ("file" in request ? { length: 5, start: 0, duration: null } : { error: "NotReadable" });
  const sound = await soundOf(file, stop.signal);
  await expect(sound?.slice(0, 5)).rejects.toThrow("NotReadable");
});

test("a search that is ended finds nothing", async () => {
  FakeWorker.answers = () => {
    stop.abort();
    return { error: "too late" };
  };
  expect(await soundOf(file, stop.signal)).toBeNull();
});
