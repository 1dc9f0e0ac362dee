import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { token } from "./tokens";

const notifications = { show: vi.fn(), hide: vi.fn(), clean: vi.fn() };
vi.doMock("@mantine/notifications", () => ({ notifications }));
const fetched = vi.fn<typeof fetch>();
const deletions = () => fetched.mock.calls.filter(([, init]) => init?.method === "DELETE").map(([path]) => path as string);
const stored = () => Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "").filter((key) => key.includes("deletion"));

function respond(status: number, code = "") {
  fetched.mockImplementation(() => Promise.resolve(new Response(status === 204 ? null : JSON.stringify({ error: "…", code }), { status })));
}

/** Loads the page: its modules have no memory of an earlier visit. */
async function visit() {
  vi.resetModules();
  vi.stubGlobal("window", new EventTarget());
  const session = await import("../src/account/session");
  const { reachable } = await import("../src/api/connection");
  return { ...session, ...(await import("../src/jobs/pending")), reachable };
}

const storageEvent = (key: string, newValue: string | null) => window.dispatchEvent(Object.assign(new Event("storage"), { key, newValue }));

let page: Awaited<ReturnType<typeof visit>>;
let users = 0;
let email = "";

beforeEach(async () => {
  vi.useFakeTimers();
  fetched.mockReset();
  notifications.show.mockReset();
  notifications.hide.mockReset();
  vi.stubGlobal("fetch", fetched);
  respond(204);
  page = await visit();
  page.signIn(token((email = `user-${(users += 1)}@example.com`)));
});

afterEach(() => {
  for (const key of stored()) localStorage.removeItem(key);
  vi.useRealTimers();
});

describe("a deleted job", () => {
  test("is hidden at once, and deleted on the server when it can no longer be undone", async () => {
    page.schedule("1");
    expect([...page.hidden.get()]).toEqual(["1"]);
    await vi.advanceTimersByTimeAsync(page.UNDO_TIME - 1);
    expect(deletions()).toEqual([]);
    expect(notifications.hide).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    // It can no longer be undone, even if the notice was kept open by the pointer above it.
    expect(notifications.hide).toHaveBeenCalledWith(page.noticeOf("1"));
    expect(deletions()).toEqual(["/jobs/1"]);
    expect([...page.hidden.get()]).toEqual([]);
    expect(stored()).toEqual([]);
  });

  test("is not deleted if that is undone, the last one first", async () => {
    page.schedule("1");
    page.schedule("2");
    page.undoLast();
    expect([...page.hidden.get()]).toEqual(["1"]);
    page.undo("1");
    await vi.runAllTimersAsync();
    expect(deletions()).toEqual([]);
    expect(stored()).toEqual([]);
  });

  test("that does not exist any more counts as deleted", async () => {
    respond(404, "not_found");
    page.schedule("1");
    await vi.advanceTimersByTimeAsync(page.UNDO_TIME);
    expect(stored()).toEqual([]);
  });

  test("that the server refuses to delete is shown again", async () => {
    respond(403, "forbidden");
    page.schedule("1");
    await vi.advanceTimersByTimeAsync(page.UNDO_TIME);
    expect([...page.hidden.get()]).toEqual([]);
    expect(stored()).toEqual([]);
    expect(notifications.show).toHaveBeenCalledOnce();
  });

  test.each([429, 502, 503])("stays hidden while the server answers %d, and is deleted later", async (status) => {
    respond(status);
    page.schedule("1");
    await vi.advanceTimersByTimeAsync(page.UNDO_TIME);
    expect([...page.hidden.get()]).toEqual(["1"]);
    respond(204);
    await vi.runAllTimersAsync();
    expect(deletions()).toEqual(["/jobs/1", "/jobs/1"]);
    expect(stored()).toEqual([]);
  });
});

describe("signing out", () => {
  test("deletes first what can still be undone, with the token", async () => {
    page.schedule("1");
    page.schedule("2");
    expect(await page.flush()).toBe(0);
    expect(deletions()).toEqual(["/jobs/1", "/jobs/2"]);
    expect(new Headers(fetched.mock.calls[0]?.[1]?.headers).get("Authorization")).toContain("Bearer");
    page.signOut();
    await vi.runAllTimersAsync();
    expect(deletions()).toHaveLength(2);
  });

  test("does not wait for ever for a server that does not answer", async () => {
    fetched.mockImplementation(() => new Promise(() => undefined));
    page.schedule("1");
    const left = page.flush();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await left).toBe(1);
  });

  test("without the server leaves the deletion for the next time that this account signs in", async () => {
    fetched.mockRejectedValue(new TypeError("failed to fetch"));
    page.schedule("1");
    expect(await page.flush()).toBe(1);
    page.signOut();
    expect([...page.hidden.get()]).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    fetched.mockClear();
    respond(204);

    page.signIn(token("another@example.com"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(deletions()).toEqual([]);
    page.signOut();

    page.signIn(token(email));
    expect([...page.hidden.get()]).toEqual(["1"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(deletions()).toEqual(["/jobs/1"]);
    expect(stored()).toEqual([]);
  });
});

test("an expired token leaves the deletion for the next time that this account signs in", async () => {
  respond(401, "invalid_token");
  page.schedule("1");
  await vi.advanceTimersByTimeAsync(page.UNDO_TIME);
  expect(page.session.get()).toBeNull();
  expect(stored()).toHaveLength(1);
  respond(204);
  page.signIn(token(email, 2));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(deletions()).toEqual(["/jobs/1", "/jobs/1"]);
  expect(stored()).toEqual([]);
});

describe("closing the page", () => {
  test("deletes what can be undone, in a request that outlives the page", () => {
    page.schedule("1");
    window.dispatchEvent(new Event("pagehide"));
    expect(deletions()).toEqual(["/jobs/1"]);
    expect(fetched.mock.calls[0]?.[1]?.keepalive).toBe(true);
  });

  test("without the server leaves the deletion for the next visit", async () => {
    fetched.mockRejectedValue(new TypeError("failed to fetch"));
    page.schedule("1");
    window.dispatchEvent(new Event("pagehide"));
    fetched.mockClear();
    respond(204);
    page = await visit();
    expect([...page.hidden.get()]).toEqual(["1"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(deletions()).toEqual(["/jobs/1"]);
    expect(stored()).toEqual([]);
  });
});

describe("another tab", () => {
  const other = () => `video2mp3.deletion|${encodeURIComponent(email)}|1`;

  function deletes() {
    localStorage.setItem(other(), String(Date.now() + page.UNDO_TIME));
    storageEvent(other(), localStorage.getItem(other()));
  }

  test("hides the job as well, and shows it again when the deletion is undone", async () => {
    deletes();
    expect([...page.hidden.get()]).toEqual(["1"]);
    page.undoLast();
    expect([...page.hidden.get()]).toEqual(["1"]);
    localStorage.removeItem(other());
    storageEvent(other(), null);
    expect([...page.hidden.get()]).toEqual([]);
    await vi.runAllTimersAsync();
    expect(deletions()).toEqual([]);
  });

  test("may be closed: the others carry out its deletion, after it had the time to do so", async () => {
    deletes();
    await vi.advanceTimersByTimeAsync(page.UNDO_TIME);
    expect(deletions()).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(deletions()).toEqual(["/jobs/1"]);
  });
});
