import { beforeEach, expect, test } from "vitest";
import { signIn } from "../src/account/session";
import { client, JOBS, jobKey, newest, putJob, removeJob } from "../src/api/queries";
import { expectJob, lastEnded, running } from "../src/api/running";
import { failed, job } from "./jobs";
import { token } from "./tokens";

const FID = job().video_fid;
const at = (second: number) => `2026-01-02T03:04:0${second}.000Z`;
let users = 0;

beforeEach(() => {
  client.clear();
  signIn(token(`user-${(users += 1)}@example.com`));
});

test("a job is running until it has ended", () => {
  putJob(job({ status: "queued", updated_at: at(1) }));
  putJob(job({ status: "converting", updated_at: at(2) }));
  expect([...running.get()]).toEqual([FID]);
  const ended = failed("no_audio");
  putJob({ ...ended, updated_at: at(3) });
  expect(running.get().size).toBe(0);
  expect(lastEnded.get()).toMatchObject({ video_fid: FID, error_code: "no_audio" });
});

test("the jobs of the list are known", () => {
  client.setQueryData(JOBS, {
    pages: [{ jobs: [job({ video_fid: "2", status: "converting" }), job({ video_fid: "1", status: "completed" })], next: null }],
    pageParams: [""],
  });
  expect([...running.get()]).toEqual(["2"]);
});

test("a deleted job is not running", () => {
  putJob(job({ status: "converting" }));
  removeJob(FID);
  expect(running.get().size).toBe(0);
});

test("a response that is older than an event changes nothing", () => {
  putJob(job({ status: "completed", updated_at: at(3) }));
  putJob(job({ status: "converting", updated_at: at(2) }));
  expect(running.get().size).toBe(0);
  expect(client.getQueryData(jobKey(FID))).toMatchObject({ status: "completed" });
  expect(newest(job({ status: "queued", updated_at: at(1) })).status).toBe("completed");
});

test("the job of a complete upload is running, unless it has already ended", () => {
  expectJob(FID);
  expect([...running.get()]).toEqual([FID]);
  putJob(job({ status: "completed", updated_at: at(1) }));
  expectJob(FID);
  expect(running.get().size).toBe(0);
});

test("a job that ends before the response to its upload is among those that ended", () => {
  lastEnded.set(null);
  putJob(job({ status: "completed", updated_at: at(1) }));
  expect(lastEnded.get()).toBeNull();
  expectJob(FID);
  expect(lastEnded.get()).toMatchObject({ video_fid: FID, status: "completed" });
});

test("a job is only once among those that ended", () => {
  putJob(job({ status: "converting", updated_at: at(1) }));
  putJob(job({ status: "completed", updated_at: at(2) }));
  lastEnded.set(null);
  expectJob(FID);
  expect(lastEnded.get()).toBeNull();
});

test("the jobs of another user are forgotten", () => {
  putJob(job({ status: "converting" }));
  signIn(token("another@example.com"));
  expect(running.get().size).toBe(0);
});
