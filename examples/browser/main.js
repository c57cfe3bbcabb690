import { load } from "elapid";
import { stories } from "@elapid/stories";

const form = document.querySelector("form");
const button = document.querySelector("button");
const output = document.querySelector("output");
const status = document.querySelector("small");

const lm = await load(stories, {
  onProgress: ({ file, loaded, total }) => (status.textContent = `${file}: ${Math.round((100 * loaded) / total)}%`),
});
status.textContent = `${lm.device.description} (${lm.device.reason})`;
button.disabled = false;

let writing;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  writing?.abort();
  const { signal } = (writing = new AbortController());
  const prompt = form.elements.prompt.value;
  output.textContent = prompt;
  try {
    for await (const piece of lm.generate(prompt, { signal })) output.textContent += piece;
  } catch (error) {
    if (!signal.aborted) output.textContent += `\n${error.message}`;
  }
});
