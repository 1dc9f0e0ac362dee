import { beforeEach, describe, expect, test, vi } from "vitest";
import { expire, session, signIn, signOut } from "../src/account/session";
import { running } from "../src/api/running";
import { statusText, totalOf, totalText } from "../src/uploads/labels";
import type { Shared } from "../src/uploads/shared";
import type { Upload } from "../src/uploads/upload";
import { token } from "./tokens";

type Listener = ConstructorParameters<typeof import("../src/uploads/transfer").Transfer>[3];

/** A transfer that does nothing until the test calls its listener. */
class FakeTransfer {
  static all: FakeTransfer[] = [];
  readonly id = `upload-${FakeTransfer.all.length}`;
  readonly key: string;
  starts = 0;
  pauses = 0;
  cancelled = false;

  constructor(
    readonly file: File,
    email: string,
    readonly options: object,
    readonly listener: Listener,
  ) {
    this.key = email + file.name;
    FakeTransfer.all.push(this);
  }

  start() {
    this.starts += 1;
  }

  pause() {
    this.pauses += 1;
  }

  discard() {
    this.pause();
  }

  cancel() {
    this.cancelled = true;
    return Promise.resolve();
  }
}

const unfinished = vi.fn<(email: string) => Promise<Upload[]>>();
const deleteUnfinished = vi.fn(() => Promise.resolve());
const takeShared = vi.fn(() => Promise.resolve<Shared>({ confirmed: [], unconfirmed: [] }));
const confirmShared = vi.fn(() => Promise.resolve());
const forgetShared = vi.fn();
const discardShared = vi.fn();
vi.doMock("../src/uploads/shared", () => ({ takeShared, confirmShared, forgetShared, discardShared }));
vi.doMock("../src/uploads/transfer", () => ({ Transfer: FakeTransfer }));
vi.doMock("../src/uploads/unfinished", () => ({ unfinishedUploads: unfinished, deleteUnfinished }));
const queue = await import("../src/uploads/queue");

const file = (name: string) => new File(["12345678"], name);
const states = () => Object.fromEntries(queue.uploads.get().map((upload) => [upload.name, upload.state]));
const idOf = (name: string) => queue.uploads.get().find((upload) => upload.name === name)?.id ?? "";
const transferOf = (name: string) => FakeTransfer.all.findLast((transfer) => transfer.file.name === name)!;

let users = 0;

beforeEach(() => {
  unfinished.mockReset().mockResolvedValue([]);
  // A new user has an empty queue.
  signIn(token(`user-${(users += 1)}@example.com`));
});

describe("the queue", () => {
  test("sends two files at a time, in the order in which they were added", () => {
    queue.add([file("a"), file("b"), file("c")], {});
    expect(states()).toEqual({ a: "uploading", b: "uploading", c: "waiting" });
    transferOf("a").listener.onSuccess();
    expect(states()).toEqual({ a: "done", b: "uploading", c: "uploading" });
  });

  test("continues with the next file after one has failed", () => {
    queue.add([file("a"), file("b"), file("c")], {});
    transferOf("a").listener.onChange({ state: "failed", error: "The file is a PDF." });
    transferOf("a").listener.onStop();
    expect(states()).toEqual({ a: "failed", b: "uploading", c: "uploading" });
  });

  test("keeps the place of an upload that reconnects", () => {
    queue.add([file("a"), file("b"), file("c")], {});
    transferOf("a").listener.onChange({ state: "reconnecting" });
    transferOf("b").listener.onStop();
    expect(states()).toEqual({ a: "reconnecting", b: "uploading", c: "waiting" });
  });

  test("sends a waiting file while another one is paused", () => {
    queue.add([file("a"), file("b"), file("c")], {});
    queue.pause(idOf("a"));
    expect(transferOf("a").pauses).toBe(1);
    expect(states()).toEqual({ a: "paused", b: "uploading", c: "uploading" });
    queue.resume(idOf("a"));
    expect(states()).toEqual({ a: "waiting", b: "uploading", c: "uploading" });
    transferOf("b").listener.onSuccess();
    expect(states()).toEqual({ a: "uploading", b: "done", c: "uploading" });
    expect(transferOf("a").starts).toBe(2);
  });

  test("cancels an upload on the server", async () => {
    queue.add([file("a")], {});
    const transfer = transferOf("a");
    await queue.cancel(transfer.id);
    expect(transfer.cancelled).toBe(true);
    expect(states()).toEqual({});
  });
});

describe("a file that is added again", () => {
  test("is not sent twice at the same time", () => {
    queue.add([file("a")], {});
    queue.add([file("a")], {});
    expect(queue.uploads.get()).toHaveLength(1);
    expect(transferOf("a").starts).toBe(0);
  });

  test("resumes its paused upload", () => {
    queue.add([file("a")], {});
    queue.pause(idOf("a"));
    queue.add([file("a")], {});
    expect(states()).toEqual({ a: "uploading" });
  });

  test.each(["failed", "rejected"] as const)("replaces its upload that was %s", (state) => {
    queue.add([file("a")], {});
    const first = idOf("a");
    transferOf("a").listener.onChange({ state });
    queue.add([file("a")], {});
    expect(queue.uploads.get()).toHaveLength(1);
    expect(idOf("a")).not.toBe(first);
  });

  test("is uploaded again after it was uploaded", () => {
    queue.add([file("a")], {});
    const first = transferOf("a");
    first.listener.onSuccess();
    queue.add([file("a")], {});
    expect(states()).toEqual({ a: "uploading" });
    expect(transferOf("a")).not.toBe(first);
  });

  test("is sent with other options after the server has rejected its options", () => {
    queue.add([file("a")], { start: "20" });
    const first = transferOf("a");
    first.listener.onChange({ state: "rejected", code: "invalid" });
    queue.addAgain(first.id, { start: "1" });
    expect(states()).toEqual({ a: "uploading" });
    expect(transferOf("a").options).toEqual({ start: "1" });
    expect(transferOf("a").file).toBe(first.file);
  });
});

describe("finished uploads", () => {
  test("are removed from the list, and nothing is deleted on the server", () => {
    queue.add([file("a"), file("b"), file("c"), file("d")], {});
    transferOf("a").listener.onChange({ url: "https://localhost/files/0123456789abcdef01234567" });
    transferOf("a").listener.onSuccess();
    transferOf("b").listener.onChange({ state: "rejected" });
    transferOf("b").listener.onStop();
    transferOf("c").listener.onChange({ state: "failed" });
    expect(states()).toEqual({ a: "done", b: "rejected", c: "failed", d: "uploading" });
    queue.clearFinished();
    expect(states()).toEqual({ c: "failed", d: "uploading" });
    expect(transferOf("a").cancelled).toBe(false);
    expect(deleteUnfinished).not.toHaveBeenCalled();
  });

  test("make way for the next files", () => {
    queue.add([file("a")], {});
    transferOf("a").listener.onSuccess();
    queue.add([file("b")], {});
    expect(states()).toEqual({ b: "uploading" });
    queue.add([file("c")], {});
    transferOf("b").listener.onSuccess();
    queue.add([file("d")], {});
    expect(states()).toEqual({ b: "done", c: "uploading", d: "uploading" });
  });

  test("have a job that is expected to be converted", () => {
    queue.add([file("a")], {});
    transferOf("a").listener.onChange({ url: "/files/0123456789abcdef01234567" });
    transferOf("a").listener.onSuccess();
    expect([...running.get()]).toEqual(["0123456789abcdef01234567"]);
  });
});

describe("a file that another app has shared", () => {
  const waiting = () => queue.unconfirmed.get().map(({ name }) => name);

  async function arrive(...files: File[]) {
    takeShared.mockResolvedValueOnce({ confirmed: [], unconfirmed: files });
    signIn(token(`sharing-${(users += 1)}@example.com`));
    await vi.waitFor(() => expect(waiting()).toEqual(files.map(({ name }) => name)));
  }

  test("is not uploaded before the user has confirmed it", async () => {
    const shared = file("shared");
    await arrive(shared);
    expect(states()).toEqual({});
    await queue.confirm({ start: "1" });
    expect(confirmShared).toHaveBeenCalledWith(shared, session.get()?.email);
    expect(states()).toEqual({ shared: "uploading" });
    expect(transferOf("shared").options).toEqual({ start: "1" });
    expect(waiting()).toEqual([]);
  });

  test("is uploaded even if the browser cannot store that the user has confirmed it", async () => {
    await arrive(file("shared"));
    confirmShared.mockRejectedValueOnce(new Error("QuotaExceededError"));
    await queue.confirm({});
    expect(states()).toEqual({ shared: "uploading" });
  });

  test("is deleted, and not uploaded, if the user discards it", async () => {
    const files = [file("a"), file("b")];
    await arrive(...files);
    queue.discard();
    expect(waiting()).toEqual([]);
    for (const one of files) expect(forgetShared).toHaveBeenCalledWith(one);
    expect(states()).toEqual({});
  });

  test("waits for the same user when the session expires, and is not offered to another one", async () => {
    const shared = file("shared");
    await arrive(shared);
    const email = session.get()?.email ?? "";
    expire(session.get()?.token);
    signIn(token(email, 2));
    expect(waiting()).toEqual(["shared"]);
    expire(session.get()?.token);
    signIn(token("another@example.com"));
    expect(waiting()).toEqual([]);
    expect(forgetShared).toHaveBeenCalledWith(shared);
  });

  test("is not offered any more after the user has signed out", async () => {
    await arrive(file("shared"));
    signOut();
    expect(waiting()).toEqual([]);
  });

  test("is uploaded without a question after it was confirmed, and then no longer kept", async () => {
    const shared = file("shared");
    takeShared.mockResolvedValueOnce({ confirmed: [shared], unconfirmed: [] });
    signIn(token("sharing@example.com"));
    await vi.waitFor(() => expect(states()).toEqual({ shared: "uploading" }));
    expect(waiting()).toEqual([]);
    expect(forgetShared).not.toHaveBeenCalledWith(shared);
    transferOf("shared").listener.onSuccess();
    expect(forgetShared).toHaveBeenCalledWith(shared);
  });

  test("is not kept after its upload was cancelled", async () => {
    queue.add([file("a")], {});
    const transfer = transferOf("a");
    await queue.cancel(transfer.id);
    expect(forgetShared).toHaveBeenCalledWith(transfer.file);
  });

  test("is kept when the session expires, but not when the user signs out", () => {
    discardShared.mockClear();
    expire(session.get()?.token);
    expect(discardShared).not.toHaveBeenCalled();
    signIn(token("sharing@example.com", 3));
    signOut();
    expect(discardShared).toHaveBeenCalled();
  });
});

describe("when the session ends", () => {
  test("uploads stop, and resume after the same user has signed in again", () => {
    const email = session.get()?.email ?? "";
    queue.add([file("a"), file("b")], {});
    queue.pause(idOf("b"));
    signOut();
    expect(states()).toEqual({ a: "signed-out", b: "paused" });
    expect(transferOf("a").pauses).toBe(1);
    signIn(token(email, 2));
    expect(states()).toEqual({ a: "uploading", b: "paused" });
  });

  test("another user does not see the uploads", () => {
    queue.add([file("a")], {});
    signOut();
    signIn(token("another@example.com"));
    expect(states()).toEqual({});
    expect(transferOf("a").pauses).toBe(2);
  });

  test("nothing can be added", () => {
    signOut();
    queue.add([file("a")], {});
    expect(states()).toEqual({});
  });
});

describe("an upload of an earlier visit", () => {
  const left: Upload = {
    id: "tus::key",
    name: "a",
    size: 100,
    sent: 40,
    speed: null,
    state: "interrupted",
    url: "/files/1",
  };

  test("is shown until its file is chosen again", async () => {
    unfinished.mockResolvedValue([left]);
    signIn(token("returning@example.com"));
    await vi.waitFor(() => expect(states()).toEqual({ a: "interrupted" }));
    queue.add([file("a")], {});
    transferOf("a").listener.onResume("tus::key");
    expect(states()).toEqual({ a: "uploading" });
  });

  test("can be deleted without its file", async () => {
    unfinished.mockResolvedValue([left]);
    signIn(token("leaving@example.com"));
    await vi.waitFor(() => expect(states()).toEqual({ a: "interrupted" }));
    await queue.cancel("tus::key");
    expect(deleteUnfinished).toHaveBeenCalledWith(left);
    expect(states()).toEqual({});
  });
});

test("closing the page asks for confirmation while there are unfinished uploads", () => {
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    window.dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(leave()).toBe(false);
  queue.add([file("a")], {});
  expect(leave()).toBe(true);
  queue.pause(idOf("a"));
  expect(leave()).toBe(false);
});

describe("the status of an upload", () => {
  const upload = (changes: Partial<Upload>): Upload => ({
    id: "1",
    name: "a",
    size: 12_000_000,
    sent: 3_000_000,
    speed: null,
    state: "uploading",
    ...changes,
  });

  test.each([
    [{ speed: 1_000_000 }, "25 % · 3 MB of 12 MB · 1 MB/s · 9 s left"],
    [{ speed: null }, "25 % · 3 MB of 12 MB"],
    [{ state: "waiting", sent: 0 }, "12 MB · Waiting"],
    [{ state: "reconnecting" }, "25 % · 3 MB of 12 MB · Connection lost. The upload resumes automatically."],
    [{ state: "signed-out" }, "25 % · 3 MB of 12 MB · The upload resumes after you sign in."],
    [{ state: "interrupted" }, "25 % · 3 MB of 12 MB · Interrupted. Choose the same file to resume the upload."],
    [{ state: "failed", error: "The server is busy." }, "The server is busy."],
    [{ state: "rejected", error: "The file is a PDF." }, "The file is a PDF."],
    [{ state: "done", sent: 12_000_000 }, "12 MB · Uploaded"],
  ] as const)("%j is shown as %s", (changes, text) => {
    expect(statusText(upload(changes))).toBe(text);
  });
});

describe("the total progress", () => {
  const upload = (state: Upload["state"], sent: number, speed: number | null = null): Upload => ({
    id: state,
    name: state,
    size: 10_000_000,
    sent,
    speed,
    state,
  });

  test("counts the files and the bytes, and estimates the time that is left", () => {
    const total = totalOf([
      upload("done", 10_000_000),
      upload("uploading", 5_000_000, 1_000_000),
      upload("uploading", 5_000_000, 500_000),
      upload("waiting", 0),
    ]);
    expect(total).toEqual({ active: 3, done: 1, count: 4, sent: 20_000_000, size: 40_000_000, left: 20_000_000 / 1_500_000 });
    expect(totalText(total)).toBe("1 of 4 uploaded · 20 MB of 40 MB · 13 s left");
  });

  test("does not count rejected files, and does not wait for those that the user has paused", () => {
    const total = totalOf([upload("rejected", 1_000_000), upload("paused", 5_000_000), upload("done", 10_000_000)]);
    expect(total).toEqual({ active: 0, done: 1, count: 2, sent: 15_000_000, size: 20_000_000, left: null });
    expect(totalText(total)).toBe("1 of 2 uploaded · 15 MB of 20 MB");
  });
});
