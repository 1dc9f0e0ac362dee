import { beforeEach, describe, expect, test, vi } from "vitest";
import { hasNoPassword, isSameAddress, isWrongPassword, retention } from "../src/account/labels";
import { leave } from "../src/account/leave";
import { nextReset, usageRows } from "../src/account/quotas";
import { waitAfter } from "../src/account/resend";
import { session, signIn } from "../src/account/session";
import { ACCOUNT, accountQuery, changePassword, deleteAccount, getExportLink } from "../src/api/accounts";
import { ask, refusal, Refused, Unreachable } from "../src/api/http";
import { client } from "../src/api/queries";
import { token } from "./tokens";

const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
  vi.stubGlobal("location", { origin: "https://mp3.example.com" });
  signIn(token("you@example.com"));
  client.clear();
});

const respond = (status: number, body: object, headers: HeadersInit = {}) =>
  fetched.mockResolvedValueOnce(new Response(status === 204 ? null : JSON.stringify(body), { status, headers }));

test.each([
  [7, 30, "Videos are deleted 7 days after the conversion, and MP3s 30 days after it, or earlier if you delete them."],
  [0, 1, "Videos are deleted after the conversion, and MP3s one day after it, or earlier if you delete them."],
  [1, null, "Videos are deleted one day after the conversion, and MP3s are stored until you delete them."],
  [7, 7, "They are deleted 7 days after the conversion, or earlier if you delete them."],
])("videos that are stored for %s days and MP3s for %s days: %s", (videos, mp3s, text) => {
  expect(retention({ keep_videos_days: videos, retention_days: mp3s })).toBe(text);
});

test("how long files are stored is not shown while it is unknown", () => expect(retention(undefined)).toBe(""));

describe("an account whose address is not confirmed", () => {
  const confirmed = (verified: boolean) => respond(200, { email: "you@example.com", emails: true, verified });

  test("is noticed at any request that is rejected for this reason", async () => {
    confirmed(true);
    await client.fetchQuery(accountQuery);
    respond(403, { error: "Confirm your address.", code: "address_not_verified" });
    await expect(ask("/jobs")).rejects.toBeInstanceOf(Refused);
    expect(client.getQueryState(ACCOUNT)?.isInvalidated).toBe(true);
  });

  test("is not suspected for other reasons", async () => {
    confirmed(true);
    await client.fetchQuery(accountQuery);
    respond(403, { error: "The password is wrong.", code: "wrong_password" });
    await expect(deleteAccount("wrong")).rejects.toSatisfy(isWrongPassword as (error: unknown) => boolean);
    expect(client.getQueryState(ACCOUNT)?.isInvalidated).toBe(false);
  });
});

describe("the email can be sent again", () => {
  test("half a minute after it was sent", () => expect(waitAfter(null)).toBe(30));

  test("when the rate limit is reset", async () => {
    respond(429, { error: "Too many attempts.", code: "too_many_attempts" }, { "Retry-After": "1800" });
    const error = await ask("/account/verification", { method: "POST" }).catch((reason: unknown) => reason as Error);
    expect(waitAfter(error as Error)).toBe(1800);
  });

  test("at once after another failure", () => {
    expect(waitAfter(refusal("", 503))).toBe(0);
    expect(waitAfter(new Unreachable())).toBe(0);
  });
});

test.each([
  ["wrong_password", true, false],
  ["no_password", false, true],
  ["account_modified", false, false],
])("what %s means for a change that the password confirms", async (code, wrong, none) => {
  respond(403, { error: "No.", code });
  const error = await deleteAccount("any").catch((reason: unknown) => reason as Error);
  expect([isWrongPassword(error as Error), hasNoPassword(error as Error)]).toEqual([wrong, none]);
});

test("a changed password ends the token, and returns the next one", async () => {
  respond(200, { token: "a.b.c" });
  expect(await changePassword({ current: "old", new: "long enough" })).toBe("a.b.c");
  expect(fetched.mock.calls[0]?.[1]?.body).toBe('{"current":"old","new":"long enough"}');
});

describe("leaving", () => {
  test("with a last request ends the session after the server has answered", async () => {
    respond(204, {});
    await leave(() => deleteAccount("right"));
    expect(session.get()).toBeNull();
  });

  test("with a last request that fails does not sign out", async () => {
    respond(403, { error: "The password is wrong.", code: "wrong_password" });
    await expect(leave(() => deleteAccount("wrong"))).rejects.toBeInstanceOf(Refused);
    expect(session.get()?.email).toBe("you@example.com");
  });
});

test.each([
  ["you@example.com", true],
  [" You@Example.COM ", true],
  ["you@example.org", false],
  ["", false],
])("%o confirms the deletion of you@example.com: %s", (typed, same) => {
  expect(isSameAddress(typed, "you@example.com")).toBe(same);
});

test("the archive is downloaded from the server of this page, by whatever name it is reached", async () => {
  respond(200, { url: "http://video2mp3.com/v1/account/export?token=a.b" });
  expect(await getExportLink()).toBe("/account/export?token=a.b");
});

describe("usage", () => {
  test("is shown as texts and bars", () => {
    const rows = usageRows({
      conversions_today: { used: 1200, limit: 1000 },
      stored_bytes: { used: 2_500_000_000, limit: 10_000_000_000 },
      seconds_of_sound_today: { used: 5400, limit: 6000 },
      uploaded_bytes_today: { used: 0, limit: null },
      unfinished_uploads: { used: 0, limit: 0 },
      concurrent_jobs: { used: 1, limit: 2 },
      emails_this_hour: { used: 3, limit: 60 },
    });
    expect(rows.map(({ text, percent, color }) => [text, percent, color])).toEqual([
      ["2.5 GB of 10 GB", 25, "indigo"],
      ["0 of 0", 100, "red"],
      ["0 bytes, no limit", null, "indigo"],
      ["1,200 of 1,000", 100, "red"],
      ["1 h 30 min of 1 h 40 min", 90, "orange"],
      ["3 of 60", 5, "indigo"],
      ["1 of 2", 50, "indigo"],
    ]);
  });

  test("of a server that does not count all of it has the rest", () => {
    expect(usageRows({}).length).toBe(0);
  });

  test.each(["2026-01-31T00:00:00Z", "2026-01-31T23:59:59Z"])("of a day begins again at midnight UTC: %s", (now) => {
    const midnight = new Date("2026-02-01T00:00:00Z").toLocaleTimeString("en", { timeStyle: "short" });
    expect(nextReset(Date.parse(now))).toBe(midnight);
  });
});
