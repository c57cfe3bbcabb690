import { writeStories } from "./text/stories.ts";
await writeStories(new URL("../.cache/study/stories-10.jsonl", import.meta.url).pathname, {
  seeds: 10,
  progress: console.log,
});
