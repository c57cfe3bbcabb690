import { expect, test } from "vitest";
import { strftime } from "./strftime.ts";

const date = new Date(2026, 2, 5, 15, 4, 9);

test.each([
  ["%d %B %Y", "05 March 2026"],
  ["%a %b %-d %I:%M %p", "Thu Mar 5 03:04 PM"],
  ["%F %T day %j, %w %A %y %m %H %S", "2026-03-05 15:04:09 day 064, 4 Thursday 26 03 15 09"],
  ["100%% %Q", "100% %Q"],
])("%s", (format, text) => {
  expect(strftime(date, format)).toBe(text);
});
