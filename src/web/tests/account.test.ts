import { expect, test } from "vitest";
import { retention } from "../src/account/labels";

test.each([
  [30, "They are deleted 30 days after the conversion, or earlier if you delete them."],
  [1, "They are deleted one day after the conversion, or earlier if you delete them."],
  [null, "They are stored until you delete them."],
  [undefined, ""],
])("files that are stored for %s days: %s", (days, text) => {
  expect(retention(days)).toBe(text);
});
