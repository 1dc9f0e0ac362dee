import { beforeEach, describe, expect, test, vi } from "vitest";
import { expired, session, signIn, signOut } from "../src/account/session";
import { reachable } from "../src/api/connection";
import type { Sound } from "../src/uploads/soundOnly/sound";
import type { Upload } from "../src/uploads/upload";
import { token } from "./tokens";
import type { DetailedError, HttpRequest, HttpResponse, UploadOptions } from "tus-js-client";

/** Records what the transfer asks tus-js-client to do. */
class FakeTus {
  static last: FakeTus;
  static previous: object[] = [];
  url = "/files/1";
  starts = 0;
  resumed: unknown;
  aborted: boolean[] = [];

  constructor(
    _file: File,
    readonly options: UploadOptions,
  ) {
    FakeTus.last = this;
  }

  findPreviousUploads() {
    return Promise.resolve(FakeTus.previous);
  }

  resumeFromPreviousUpload(upload: unknown) {
    this.resumed = upload;
  }

  start() {
    this.starts += 1;
  }

  abort(terminate = false) {
    this.aborted.push(terminate);
    return Promise.resolve();
  }
}

vi.doMock("tus-js-client", () => ({ Upload: FakeTus, defaultOptions: { urlStorage: {} } }));
const soundOf = vi.fn<(file: File, stop: AbortSignal) => Promise<Sound | null>>();
vi.doMock("../src/uploads/soundOnly/sound", () => ({ soundOf, VERSION: 1 }));
const { Transfer } = await import("../src/uploads/transfer");

const file = new File(["12345678"], "talk.mp4", { type: "video/mp4", lastModified: 1 });
const listener = { onChange: vi.fn<(part: Partial<Upload>) => void>(), onResume: vi.fn(), onSuccess: vi.fn(), onStop: vi.fn() };
const transfer = () => new Transfer(file, "you@example.com", { bitrate: "64" }, listener, false);

const response = (status: number, body = "") =>
  ({ getStatus: () => status, getBody: () => body }) as unknown as HttpResponse;
const error = (status: number | null, body = "") =>
  Object.assign(new Error("tus"), { originalResponse: status === null ? null : response(status, body) }) as DetailedError;
const respond = (method: string, status: number) =>
  FakeTus.last.options.onAfterResponse?.({ getMethod: () => method } as HttpRequest, response(status));
const retries = (failure: DetailedError) => FakeTus.last.options.onShouldRetry?.(failure, 0, FakeTus.last.options);

beforeEach(() => {
  vi.clearAllMocks();
  FakeTus.previous = [];
  soundOf.mockResolvedValue(null);
  signIn(token("you@example.com"));
  reachable.set(true);
});

test("the file is sent with its name and the options", async () => {
  transfer().start();
  await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
  expect(FakeTus.last.options.metadata).toEqual({ filename: "talk.mp4", filetype: "video/mp4", bitrate: "64" });
  expect(FakeTus.last.resumed).toBeUndefined();
});

test("an unfinished upload of the same file is resumed", async () => {
  const previous = { urlStorageKey: "tus::key" };
  FakeTus.previous = [{ urlStorageKey: "tus::older" }, previous];
  transfer().start();
  await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
  expect(FakeTus.last.resumed).toBe(previous);
  expect(listener.onResume).toHaveBeenCalledWith("tus::key");
});

test("an upload that is paused before it has started does not start", async () => {
  const paused = transfer();
  paused.start();
  paused.pause();
  await Promise.resolve();
  expect(FakeTus.last.starts).toBe(0);
  paused.start();
  await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
});

describe("the sound of a video", () => {
  const slice = vi.fn((start: number, end: number) => Promise.resolve(new Uint8Array(end - start)));
  const sound = (): Sound => ({ size: 5, metadata: { sound_only: "true" }, slice });

  test("is sent instead of the video, in parts", async () => {
    soundOf.mockResolvedValue(sound());
    transfer().start();
    await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
    const { chunkSize, fileReader, metadata } = FakeTus.last.options;
    expect(chunkSize).toBeLessThan(64 << 20);
    expect(metadata).toEqual({ filename: "talk.mp4", filetype: "video/mp4", bitrate: "64", sound_only: "true" });
    expect(listener.onChange).toHaveBeenCalledWith({ size: 5, soundOf: 8 });
    const source = await fileReader!.openFile(file, 3);
    expect(source.size).toBe(5);
    expect(await source.slice(0, 3)).toMatchObject({ value: { size: 3 }, done: false });
    expect(await source.slice(3, 6)).toMatchObject({ value: { size: 2 }, done: true });
  });

  test("does not continue an upload of the whole video", async () => {
    const key = () => FakeTus.last.options.fingerprint?.(file, FakeTus.last.options);
    transfer().start();
    const whole = await key();
    soundOf.mockResolvedValue(sound());
    transfer().start();
    await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
    expect(await key()).not.toBe(whole);
    expect(await key()).toMatch(/^you%40example.com\|/);
  });

  test.each([
    [{ cover: "frame" }, false],
    [{}, true],
  ])("is not looked for with the options %o and whole %s", async (options, whole) => {
    soundOf.mockClear();
    new Transfer(file, "you@example.com", options, listener, whole).start();
    await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
    expect(soundOf).not.toHaveBeenCalled();
  });

  test("is no longer read when the upload is cancelled", async () => {
    soundOf.mockResolvedValue(sound());
    const upload = transfer();
    upload.start();
    await vi.waitFor(() => expect(FakeTus.last.starts).toBe(1));
    const stop = soundOf.mock.lastCall![1];
    expect(stop.aborted).toBe(false);
    await upload.cancel();
    expect(stop.aborted).toBe(true);
  });

  test("is not sent if the upload is cancelled before it is found", async () => {
    soundOf.mockReturnValue(new Promise((resolve) => setTimeout(() => resolve(sound()))));
    const upload = transfer();
    upload.start();
    expect(listener.onChange).toHaveBeenCalledWith({ searching: true });
    await upload.cancel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(FakeTus.last.starts).toBe(0);
    expect(listener.onChange).not.toHaveBeenCalledWith(expect.objectContaining({ size: 5 }));
  });
});

test("a cancelled upload is deleted on the server", async () => {
  await transfer().cancel();
  expect(FakeTus.last.aborted).toEqual([true]);
});

describe("a failed request is retried", () => {
  test.each([408, 409, 423, 429, 500, 503])("after the status %d", (status) => {
    transfer();
    expect(retries(error(status))).toBe(true);
    expect(listener.onChange).toHaveBeenCalledWith({ state: "reconnecting", speed: null });
    expect(reachable.get()).toBe(true);
  });

  test("without a response, and the server counts as unreachable", () => {
    transfer();
    expect(retries(error(null))).toBe(true);
    expect(reachable.get()).toBe(false);
  });

  test.each([400, 404, 410, 413, 415])("but not after the status %d", (status) => {
    transfer();
    expect(retries(error(status))).toBe(false);
  });

  test("but not if a quota is exceeded", () => {
    transfer();
    expect(retries(error(429, '{"error": "The account may …", "code": "quota_conversions"}'))).toBe(false);
    expect(retries(error(429, '{"error": "Too many …", "code": "too_many_requests"}'))).toBe(true);
  });

  test("but not after the user has signed out", () => {
    transfer();
    signOut();
    expect(retries(error(503))).toBe(false);
  });
});

describe("a response", () => {
  test.each([
    ["HEAD", 429],
    ["HEAD", 500],
    ["HEAD", 503],
    ["PATCH", 401],
  ])("to %s with the status %d does not create a new upload", (method, status) => {
    transfer();
    expect(() => respond(method, status)).toThrow();
  });

  test.each([
    ["HEAD", 200],
    ["HEAD", 404],
    ["PATCH", 503],
  ])("to %s with the status %d is left to tus", (method, status) => {
    transfer();
    expect(() => respond(method, status)).not.toThrow();
  });

  test("401 ends the session", () => {
    transfer();
    expect(() => respond("PATCH", 401)).toThrow();
    expect(session.get()).toBeNull();
    expect(expired.get()).toBe(true);
  });
});

describe("an upload that failed", () => {
  const fail = (failure: Error) => FakeTus.last.options.onError?.(failure);

  test.each([400, 403, 413, 415, 422])("with the status %d is rejected with the text of the server", (status) => {
    transfer();
    fail(error(status, '{"error": "This file is a PDF.", "code": "unsupported_media_type"}'));
    const rejected = { state: "rejected", speed: null, error: "This file is a PDF.", code: "unsupported_media_type" };
    expect(listener.onChange).toHaveBeenCalledWith(rejected);
    expect(listener.onStop).toHaveBeenCalled();
  });

  test.each([404, 408, 410, 423, 429, 500, 503])("with the status %d can be tried again", (status) => {
    transfer();
    fail(error(status, '{"error": "The upload has expired.", "code": "gone"}'));
    const again = { state: "failed", speed: null, error: "The upload has expired.", code: "gone" };
    expect(listener.onChange).toHaveBeenCalledWith(again);
  });

  test("without a response can be tried again", () => {
    transfer();
    fail(error(null));
    expect(listener.onChange).toHaveBeenCalledWith(expect.objectContaining({ state: "failed" }));
  });

  test("before a request because the file could not be read is rejected", () => {
    transfer();
    fail(new Error("NotReadableError"));
    expect(listener.onChange).toHaveBeenCalledWith(expect.objectContaining({ state: "rejected" }));
  });

  test("because the session has ended waits for the user", () => {
    transfer();
    signOut();
    fail(error(401));
    expect(listener.onChange).toHaveBeenCalledWith({ state: "signed-out", speed: null });
  });
});

test("a file that has changed is not taken for a lost connection", async () => {
  const changed = new File(["12345678"], "talk.mp4");
  vi.spyOn(changed, "slice").mockReturnValue({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) } as never);
  new Transfer(changed, "you@example.com", {}, listener, true);
  retries(error(null));
  await vi.waitFor(() => expect(listener.onStop).toHaveBeenCalled());
  expect(FakeTus.last.aborted).toEqual([false]);
  const rejected = expect.objectContaining({ state: "rejected", error: expect.stringContaining("Choose it again") as string }) as Upload;
  expect(listener.onChange).toHaveBeenLastCalledWith(rejected);
});
