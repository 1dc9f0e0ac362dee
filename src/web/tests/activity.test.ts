import { beforeEach, describe, expect, test, vi } from "vitest";
import { signIn } from "../src/account/session";
import { putJob } from "../src/api/queries";
import { running } from "../src/api/running";
import { failed, job } from "./jobs";
import { token } from "./tokens";

const shown = vi.fn();
const requestPermission = vi.fn();

class FakeNotification {
  static permission = "default";
  static readonly requestPermission = requestPermission;
  onclick?: () => void;

  constructor(title: string, options: { body: string }) {
    shown(title, options.body);
  }
}

Object.assign(window, { Notification: FakeNotification, isSecureContext: true });
vi.stubGlobal("Notification", FakeNotification);
vi.stubGlobal("document", { hidden: true });
vi.stubGlobal("navigator", {});
vi.doMock("../src/uploads/shared", () => ({ takeShared: () => Promise.resolve({ confirmed: [], unconfirmed: [] }), forgetShared: () => {}, discardShared: () => {} }));
vi.doMock("../src/uploads/unfinished", () => ({ unfinishedUploads: () => Promise.resolve([]), fingerprint: () => "" }));

const { activity, activityText } = await import("../src/activity/activity");
const { doneText, notifying, setNotifying } = await import("../src/activity/notify");
const { uploads } = await import("../src/uploads/queue");

const at = (second: number) => `2026-01-02T03:04:0${second}.000Z`;
const starts = (fid: string) => putJob(job({ video_fid: fid, status: "converting", updated_at: at(1) }));
const completes = (fid: string) => putJob(job({ video_fid: fid, status: "completed", updated_at: at(2) }));
const fails = (fid: string, code: "no_audio" | "cancelled") => putJob({ ...failed(code), video_fid: fid, updated_at: at(2) });

let users = 0;

beforeEach(async () => {
  signIn(token(`user-${(users += 1)}@example.com`));
  FakeNotification.permission = "granted";
  await setNotifying(true);
  vi.stubGlobal("document", { hidden: true });
  shown.mockClear();
});

test.each([
  [{ uploading: 0, percent: 0, converting: 0 }, ""],
  [{ uploading: 2, percent: 42, converting: 1 }, "42 %"],
  [{ uploading: 0, percent: 100, converting: 2 }, "2 converting"],
])("the title of %j begins with %j", (work, text) => {
  expect(activityText(work)).toBe(text);
});

test("uploads and conversions are in progress together", () => {
  uploads.set([{ id: "1", name: "a", size: 100, sent: 42, speed: null, state: "uploading" }]);
  starts("1");
  expect(activity.get()).toEqual({ uploading: 1, percent: 42, converting: 1 });
  uploads.set([]);
  expect(activity.get()).toEqual({ uploading: 0, percent: 0, converting: 1 });
});

describe("when all work has ended", () => {
  test("the user is notified once, with the result", async () => {
    starts("1");
    starts("2");
    starts("3");
    completes("1");
    fails("2", "no_audio");
    expect(shown).not.toHaveBeenCalled();
    completes("3");
    await vi.waitFor(() => expect(shown).toHaveBeenCalledWith("Video2MP3", "2 MP3s are ready, 1 file failed."));
    starts("4");
    completes("4");
    await vi.waitFor(() => expect(shown).toHaveBeenLastCalledWith("Video2MP3", "1 MP3 is ready."));
    expect(shown).toHaveBeenCalledTimes(2);
  });

  test.each([
    ["the page is visible", () => vi.stubGlobal("document", { hidden: false })],
    ["the user does not want it", () => setNotifying(false)],
    [
      "the user has revoked the permission",
      () => {
        FakeNotification.permission = "denied";
        return setNotifying(true);
      },
    ],
  ])("no notification is shown if %s", async (_, prepare) => {
    await prepare();
    starts("1");
    completes("1");
    await Promise.resolve();
    expect(running.get().size).toBe(0);
    expect(shown).not.toHaveBeenCalled();
  });

  test("nothing is shown for a job that the user has cancelled", async () => {
    starts("1");
    fails("1", "cancelled");
    await Promise.resolve();
    expect(shown).not.toHaveBeenCalled();
  });
});

test("the permission is requested when the user asks for notifications, and not before", async () => {
  FakeNotification.permission = "default";
  requestPermission.mockClear();
  await setNotifying(false);
  expect(requestPermission).not.toHaveBeenCalled();
  requestPermission.mockImplementation(() => {
    FakeNotification.permission = "denied";
    return Promise.resolve("denied");
  });
  await setNotifying(true);
  expect(requestPermission).toHaveBeenCalledOnce();
  expect(notifying.get()).toBe("blocked");
});

test.each([
  [1, 0, "1 MP3 is ready."],
  [3, 0, "3 MP3s are ready."],
  [2, 1, "2 MP3s are ready, 1 file failed."],
  [0, 2, "2 files failed."],
  [0, 0, ""],
])("the text for %d completed and %d failed files is %j", (completed, failedCount, text) => {
  expect(doneText(completed, failedCount)).toBe(text);
});
