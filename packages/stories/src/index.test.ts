import { openModelFiles } from "@elapid/loaders";
import { readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { stories } from "./index.ts";

const folder = fileURLToPath(new URL("../model/", import.meta.url));

test("lists every file of the folder, 3 MB at most", () => {
  expect(Object.keys(stories.files).toSorted()).toEqual(readdirSync(folder).toSorted());
  const bytes = Object.values(stories.files).reduce((sum, url) => sum + statSync(url).size, 0);
  expect(bytes).toBeLessThanOrEqual(3_000_000);
});

test("opens as the files of a model", async () => {
  const files = await openModelFiles(stories);
  expect(await files.json("config.json")).toMatchObject({
    model_type: "mamba",
    hidden_size: 192,
    num_hidden_layers: 4,
  });
  const { tensors } = await files.weights();
  const numbers = [...tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  expect(numbers).toBe(1_400_256);
  await files.close();
});

test("keeps in float32 what feeds the recurrence and the norms", async () => {
  const files = await openModelFiles(stories);
  const { tensors } = await files.weights();
  for (const name of ["mixer.A_log", "mixer.D", "mixer.conv1d.weight", "mixer.dt_proj.bias", "norm.weight"]) {
    expect(tensors.get(`backbone.layers.0.${name}`)?.dtype, name).toBe("f32");
  }
  expect(tensors.get("backbone.layers.0.mixer.in_proj.weight")?.dtype).toBe("f16");
  await files.close();
});
