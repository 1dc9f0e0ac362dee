import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { problem, recall, remember } from "../src/account/providerReturn";
import { exchange } from "../src/api/singleSignOn";

beforeEach(() => {
  const stored = new Map<string, string>();
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

test("the page that was requested is shown once after signing in", () => {
  remember("/app/jobs/0123456789abcdef01234567?link=not_found");
  expect(recall()).toBe("/app/jobs/0123456789abcdef01234567?link=not_found");
  expect(recall()).toBe("/");
});

test("the token is asked for with the cookie of this server", async () => {
  const fetch = vi.fn(() => Promise.resolve(new Response('{"token": "a.b.c"}')));
  vi.stubGlobal("fetch", fetch);
  expect(await exchange()).toBe("a.b.c");
  expect(fetch).toHaveBeenCalledWith(
    "/oidc/token",
    expect.objectContaining({ method: "POST", credentials: "same-origin" }),
  );
});

test("an unknown code has a text too", () => {
  expect(problem("sso_denied")).toBe("The sign-in was cancelled or denied.");
  expect(problem("new_code")).toBe("The sign-in failed. Try again.");
});
