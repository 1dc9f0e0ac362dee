import { beforeEach, describe, expect, test, vi } from "vitest";
import { expired, session, signIn, signOut } from "../src/account/session";
import { reachable } from "../src/api/connection";
import { ask, askJson, refusal, Refused, Unreachable } from "../src/api/http";
import { shouldRetry } from "../src/api/queries";
import { token } from "./tokens";

const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
  signIn(token("you@example.com"));
  reachable.set(true);
});

const respond = (status: number, body: string) => fetched.mockResolvedValue(new Response(body, { status }));
const headersOf = () => new Headers(fetched.mock.calls[0]?.[1]?.headers);

test("a request has the token of the user", async () => {
  respond(200, '{"jobs": []}');
  expect(await askJson("/jobs")).toEqual({ jobs: [] });
  expect(headersOf().get("Authorization")).toBe(`Bearer ${session.get()?.token}`);
});

describe("an error", () => {
  test("has the status, the code and the text of the server", async () => {
    respond(409, '{"error": "The job has already ended.", "code": "job_ended"}');
    await expect(ask("/jobs/1/cancel")).rejects.toMatchObject({
      status: 409,
      code: "job_ended",
      message: "The job has already ended.",
    });
  });

  test.each([
    [400, "The server rejected the request (400)."],
    [503, "The server is not available right now. Try again in a moment."],
  ])("with the status %d that is not JSON has a general text", (status, message) => {
    expect(refusal("<html>", status)).toMatchObject({ status, code: "failed", message });
  });

  test("of a missing response makes the server unreachable", async () => {
    fetched.mockRejectedValue(new TypeError("failed to fetch"));
    await expect(ask("/jobs")).rejects.toBeInstanceOf(Unreachable);
    expect(reachable.get()).toBe(false);
  });

  test.each([502, 504])("of a proxy (%d) makes the server unreachable", async (status) => {
    respond(status, '{"error": "…", "code": "unavailable"}');
    await expect(ask("/jobs")).rejects.toBeInstanceOf(Unreachable);
    expect(reachable.get()).toBe(false);
    respond(200, "");
    await ask("/jobs");
    expect(reachable.get()).toBe(true);
  });
});

describe("a rejected token", () => {
  test("ends the session", async () => {
    respond(401, '{"error": "The token has expired.", "code": "invalid_token"}');
    await expect(ask("/jobs")).rejects.toBeInstanceOf(Refused);
    expect(session.get()).toBeNull();
    expect(expired.get()).toBe(true);
  });

  test("does not end a session that has a newer token", async () => {
    fetched.mockImplementation(() => {
      signIn(token("you@example.com", 2));
      return Promise.resolve(new Response("{}", { status: 401 }));
    });
    await expect(ask("/jobs")).rejects.toBeInstanceOf(Refused);
    expect(session.get()?.token).toBe(token("you@example.com", 2));
  });
});

test("a wrong password does not end the session", async () => {
  respond(401, '{"error": "Wrong email address or password.", "code": "invalid_credentials"}');
  await expect(ask("/login", { headers: { Authorization: "Basic eA==" } })).rejects.toBeInstanceOf(Refused);
  expect(session.get()).not.toBeNull();
});

test("signing out does not show that the session has expired", () => {
  signOut();
  expect(session.get()).toBeNull();
  expect(expired.get()).toBe(false);
});

test("a request is repeated a few times unless the server rejected it", () => {
  expect(shouldRetry(0, refusal("", 404))).toBe(false);
  expect(shouldRetry(0, refusal("", 503))).toBe(true);
  expect(shouldRetry(0, new Unreachable())).toBe(true);
  expect(shouldRetry(3, new Unreachable())).toBe(false);
});
