import { describe, expect, it } from "vitest";
import { actorText, actText, changes, outcomeText, targetText } from "../src/admin/acts";
import { NAMES, numbers, problem, quotaText, texts } from "../src/admin/quotas";
import type { Quotas } from "../src/api/admin";
import type { AuditedAct } from "../src/api/schema";

const NONE = Object.fromEntries(NAMES.map((name) => [name, null])) as Quotas;

const ACT: AuditedAct = {
  id: "0".repeat(24),
  at: "2026-01-31T12:00:00Z",
  act: "set_quotas",
  actor: { account: "a", email: "admin@example.com", command: null },
  target: { account: "b", email: "ann@example.com", subject: null, queue: null },
  before: { ...NONE, conversions_per_day: 5 },
  after: { ...NONE, stored_bytes: 5e9, conversions_per_day: 0 },
  request_id: "r",
  outcome: "done",
  error_code: null,
};

describe("the form of quotas", () => {
  it.each([
    { stored_bytes: 1 },
    { stored_bytes: 500 * 1024 ** 3, uploaded_bytes_per_day: 123_456_789_012_345 },
    { seconds_of_sound_per_day: 100, emails_per_hour: 7 },
    { unfinished_uploads: 0, conversions_per_day: 2000 },
    {},
  ])("keeps a value that nobody has changed: %j", (values) => {
    const quotas = { ...NONE, ...values };
    expect(numbers(texts(quotas))).toEqual(quotas);
  });

  it("has units that people use", () => {
    const shown = texts({ ...NONE, stored_bytes: 1.5e9, seconds_of_sound_per_day: 600 });
    expect([shown.stored_bytes, shown.seconds_of_sound_per_day, shown.emails_per_hour]).toEqual(["1.5", "10", ""]);
    expect(numbers({ ...shown, stored_bytes: " 2,5 " }).stored_bytes).toBe(2.5e9);
  });

  it.each([
    ["", null],
    ["0", null],
    ["12", null],
    ["-1", "Enter a number, or nothing for the default."],
    ["many", "Enter a number, or nothing for the default."],
    ["1e400", "Enter a number, or nothing for the default."],
    ["1.5", "Enter a whole number."],
    ["0.1", "The number is too small."],
    ["1e17", "The number is too large. 0 is no limit."],
  ])("says what is wrong with %j", (text, wrong) => {
    expect(problem("conversions_per_day", text)).toBe(wrong);
  });

  it.each([
    [null, "default"],
    [0, "no limit"],
    [5e9, "5 GB"],
  ])("shows %j", (value, text) => {
    expect(quotaText("stored_bytes", value)).toBe(text);
  });
});

describe("the audit log", () => {
  it("shows the quotas that were changed", () => {
    expect(changes(ACT)).toEqual(["Stored: default → 5 GB", "Conversions a day: 5 → no limit"]);
    expect(changes({ ...ACT, act: "disable", before: { disabled: false }, after: { disabled: true } })).toEqual([]);
  });

  it("shows who has done what on whom", () => {
    expect([actorText(ACT), actText(ACT), targetText(ACT)]).toEqual([
      "admin@example.com",
      "Changed the quotas of",
      "ann@example.com",
    ]);
    const command: AuditedAct = {
      ...ACT,
      act: "replay",
      actor: { account: null, email: null, command: "dead-letters" },
      target: { account: null, email: null, subject: "1".repeat(24), queue: "video" },
    };
    expect([actorText(command), targetText(command)]).toEqual([
      "the command dead-letters",
      `${"1".repeat(24)} in the queue video`,
    ]);
  });

  it("shows what a newer server has recorded", () => {
    const newer = { ...ACT, act: "rename", outcome: "postponed" } as unknown as AuditedAct;
    expect([actText(newer), outcomeText(newer)]).toEqual(["rename", "postponed"]);
  });
});
