import { expect, test } from "vitest";
import { resolveOptions, type GenerateOptions } from "./options.ts";

test("snake_case names of transformers are the same options", () => {
  const options = {
    max_new_tokens: 3,
    top_k: 5,
    top_p: 0.5,
    min_p: 0.1,
    repetition_penalty: 1.2,
    stop: "end",
    seed: 1,
  };
  const { maxTokens, topK, topP, minP, repetitionPenalty, stop } = resolveOptions(options as GenerateOptions);
  expect({ maxTokens, topK, topP, minP, repetitionPenalty, stop }).toEqual({
    maxTokens: 3,
    topK: 5,
    topP: 0.5,
    minP: 0.1,
    repetitionPenalty: 1.2,
    stop: ["end"],
  });
});

test("an unknown option is refused with the nearest one", () => {
  expect(() => resolveOptions({ temprature: 1 } as GenerateOptions)).toThrow(
    'no option "temprature"; the nearest is "temperature"',
  );
});

test.each([
  [{ temperature: -1 }, RangeError, '"temperature" is -1'],
  [{ temperature: NaN }, RangeError, '"temperature" is NaN'],
  [{ topP: 0 }, RangeError, '"topP" is 0 but a number above 0 and at most 1'],
  [{ topP: 1.5 }, RangeError, '"topP" is 1.5'],
  [{ minP: 2 }, RangeError, '"minP" is 2'],
  [{ topK: 1.5 }, RangeError, '"topK" is 1.5 but a whole number'],
  [{ maxTokens: -1 }, RangeError, '"maxTokens" is -1'],
  [{ repetitionPenalty: 0 }, RangeError, '"repetitionPenalty" is 0'],
  [{ seed: 0.5 }, RangeError, '"seed" is 0.5'],
  [{ temperature: "hot" }, TypeError, '"temperature" is a string'],
  [{ stop: "" }, TypeError, '"stop" must be a string'],
  [{ signal: {} }, TypeError, '"signal" must be an AbortSignal'],
])("refuses %o", (options, kind, message) => {
  const call = () => resolveOptions(options as unknown as GenerateOptions);
  expect(call).toThrow(kind);
  expect(call).toThrow(message);
});
