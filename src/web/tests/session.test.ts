import { beforeEach, expect, test, vi } from "vitest";
import { token } from "./tokens";

const KEY = "video2mp3.token";

/** The module as another tab, or this one after a reload, loads it. */
async function load() {
  vi.resetModules();
  return import("../src/account/session");
}

/** What the browser tells the other tabs after a tab has changed the storage. */
function tellOthers() {
  window.dispatchEvent(Object.assign(new Event("storage"), { key: KEY, newValue: localStorage.getItem(KEY) }));
}

beforeEach(() => localStorage.setItem(KEY, token("one@example.com")));

test("a session that expires in one tab has expired in the others and after a reload", async () => {
  const other = await load();
  const seen: boolean[] = [];
  other.session.subscribe(() => seen.push(other.expired.get()));
  const own = await load();
  own.expire(own.session.get()?.token);
  expect(own.session.get()).toBeNull();
  expect(other.expired.get()).toBe(false);
  tellOthers();
  expect(other.session.get()).toBeNull();
  expect(seen).toEqual([true]);
  const reloaded = await load();
  expect(reloaded.session.get()).toBeNull();
  expect(reloaded.expired.get()).toBe(true);
});

test("a user who signs out in one tab is signed out in the others, without an explanation", async () => {
  const other = await load();
  const own = await load();
  own.signOut();
  tellOthers();
  expect(other.session.get()).toBeNull();
  expect(other.expired.get()).toBe(false);
});

test("signing in again ends the explanation in all tabs", async () => {
  const other = await load();
  const own = await load();
  own.expire(own.session.get()?.token);
  tellOthers();
  own.signIn(token("one@example.com", 2));
  tellOthers();
  expect(other.session.get()?.email).toBe("one@example.com");
  expect([own.expired.get(), other.expired.get(), (await load()).expired.get()]).toEqual([false, false, false]);
});
