import { beforeEach, expect, test, vi } from "vitest";
import { token } from "./tokens";

/** The page after it was loaded again. */
async function reload() {
  vi.resetModules();
  vi.stubGlobal("window", new EventTarget());
  const { choice, choose } = await import("../src/uploads/choice");
  const { signIn, signOut } = await import("../src/account/session");
  return { choice, choose, signIn, signOut };
}

const KEY = "video2mp3.options";
const you = token("you@example.com");

beforeEach(async () => {
  localStorage.removeItem(KEY);
  (await reload()).signIn(you);
});

test("the options are still chosen after a reload", async () => {
  const before = await reload();
  before.choose({ bitrate: "64", channels: "mono", normalize: "true", title: "A talk" });
  const after = await reload();
  expect(after.choice.get()).toEqual({ bitrate: "64", channels: "mono", normalize: "true", title: "A talk" });
  after.choose({});
  expect((await reload()).choice.get()).toEqual({});
  expect(localStorage.getItem(KEY)).toBeNull();
});

test("invalid options are not used after a reload", async () => {
  (await reload()).choose({ start: "20", end: "5", bitrate: "100", title: "A talk" });
  expect((await reload()).choice.get()).toEqual({ start: "20", title: "A talk" });
});

test.each(["{", "7", "null", '{"email": "you@example.com"}', '{"options": {"title": "A talk"}}'])(
  "the stored text %s is ignored",
  async (text) => {
    localStorage.setItem(KEY, text);
    expect((await reload()).choice.get()).toEqual({});
  },
);

test("another user does not get the options, their owner does after signing in again", async () => {
  const page = await reload();
  page.choose({ title: "A talk" });
  page.signOut();
  page.signIn(token("another@example.com"));
  expect(page.choice.get()).toEqual({});
  page.signIn(you);
  expect(page.choice.get()).toEqual({ title: "A talk" });
});
