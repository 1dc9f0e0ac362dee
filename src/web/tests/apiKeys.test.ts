import { beforeEach, expect, test, vi } from "vitest";
import { daysOf, EXPIRIES, hasExpired, scopeLabel, SCOPES } from "../src/account/keyLabels";
import { signIn } from "../src/account/session";
import { createKey, keysQuery, revokeKey } from "../src/api/keys";
import type { ApiKey } from "../src/api/schema";
import { token } from "./tokens";

const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
  signIn(token("you@example.com"));
});

const KEY: ApiKey = {
  id: "an/id",
  name: "backup",
  scope: "read",
  prefix: "v2m_1b2c3d4e",
  created_at: "2026-01-31T12:00:00Z",
  expires_at: "2026-02-28T12:00:00Z",
  last_used_at: null,
};

test("keys are listed, created and revoked by the routes of the API", async () => {
  fetched.mockImplementation(() => Promise.resolve(new Response(JSON.stringify({ keys: [KEY] }))));
  expect(await keysQuery.queryFn()).toEqual([KEY]);
  await createKey({ name: "backup", scope: "read", expires_in_days: null });
  await revokeKey(KEY.id);
  expect(fetched.mock.calls.map(([path, init]) => [init?.method ?? "GET", path])).toEqual([
    ["GET", "/account/keys"],
    ["POST", "/account/keys"],
    ["DELETE", "/account/keys/an%2Fid"],
  ]);
  expect(fetched.mock.calls[1]?.[1]?.body).toBe('{"name":"backup","scope":"read","expires_in_days":null}');
});

test("a key has expired from the moment on that it says", () => {
  const end = Date.parse("2026-02-28T12:00:00Z");
  expect([end - 1, end].map((now) => hasExpired(KEY, now))).toEqual([false, true]);
  expect(hasExpired({ ...KEY, expires_at: null }, end)).toBe(false);
});

test("the choices of the form are what the API accepts", () => {
  expect(SCOPES.map(({ value }) => value)).toEqual(["read", "convert", "all"]);
  expect(EXPIRIES.map(({ value }) => daysOf(value))).toEqual([30, 90, 365, null]);
  expect(scopeLabel("all")).toBe("Everything");
});
