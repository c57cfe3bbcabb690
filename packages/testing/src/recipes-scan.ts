import { complexLinearScan, linearScan, scanMax, scanSum } from "@elapid/scan";
import type { Recipe } from "./recipe.ts";

/** The official scans of one operator, by name. */
export const scanRecipes: Readonly<Record<string, Recipe>> = {
  scan_sum: { run: ({ get, attrs }) => ({ y: scanSum(get("x")!, { reverse: attrs.reverse === true }) }) },

  scan_max: { run: ({ get, attrs }) => ({ y: scanMax(get("x")!, { reverse: attrs.reverse === true }) }) },

  scan_linear: {
    run: ({ get, attrs }) => {
      const inputs = { a: get("a")!, b: get("b")!, initialState: get("h0") };
      const scan = attrs.complex === true ? complexLinearScan : linearScan;
      return { h: scan(inputs, { reverse: attrs.reverse === true }).h };
    },
  },
};
