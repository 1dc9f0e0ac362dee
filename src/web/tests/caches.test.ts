import { describe, expect, test } from "vitest";
import { withJob, withoutJob } from "../src/api/queries";
import type { Job, Summary } from "../src/api/schema";
import { withSummary } from "../src/summaries/queries";
import { job } from "./jobs";

const pages = (...jobs: string[][]) => ({
  pages: jobs.map((ids) => ({ jobs: ids.map((id) => job({ video_fid: id })), next: null })),
  pageParams: jobs.map(() => ""),
});
const ids = (data: { pages: { jobs: Job[] }[] }) => data.pages.map((page) => page.jobs.map((one) => one.video_fid));

describe("an updated job", () => {
  test("replaces its former state, on any page", () => {
    const data = withJob(pages(["9", "7"], ["5", "3"]), job({ video_fid: "5", status: "completed" }));
    expect(ids(data)).toEqual([["9", "7"], ["5", "3"]]);
    expect(data.pages[1]?.jobs[0]?.status).toBe("completed");
  });

  test("that is new comes first", () => {
    expect(ids(withJob(pages(["7"], ["5"]), job({ video_fid: "9" })))).toEqual([["9", "7"], ["5"]]);
    expect(ids(withJob(pages([]), job({ video_fid: "9" })))).toEqual([["9"]]);
  });

  test("that is new keeps the order of ids", () => {
    expect(ids(withJob(pages(["9", "7"]), job({ video_fid: "8" })))).toEqual([["9", "8", "7"]]);
  });

  test("that is older than the first page is left for its own page", () => {
    expect(ids(withJob(pages(["9", "7"]), job({ video_fid: "1" })))).toEqual([["9", "7"]]);
  });
});

test("a deleted job is removed", () => {
  expect(ids(withoutJob(pages(["9", "7"], ["5"]), "7"))).toEqual([["9"], ["5"]]);
});

test("a summary replaces its former state, or is added first", () => {
  const summary = (id: string, status: Summary["status"]) => ({ _id: id, status }) as Summary;
  const data = {
    pages: [
      { summaries: [summary("2", "queued")], next: null, available: true },
      { summaries: [summary("1", "queued")], next: null, available: true },
    ],
    pageParams: ["", ""],
  };
  const states = (changed: ReturnType<typeof withSummary>) => changed.pages.map((page) => page.summaries.map((one) => one._id + one.status));
  expect(states(withSummary(data, summary("1", "completed")))).toEqual([["2queued"], ["1completed"]]);
  expect(states(withSummary(data, summary("3", "queued")))).toEqual([["3queued", "2queued"], ["1queued"]]);
});
