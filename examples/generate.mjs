// node examples/generate.mjs "Once upon a time"   (after npm run build)
import { load } from "elapid";

const [prompt = "Once upon a time"] = process.argv.slice(2);
const lm = await load("@elapid/stories", { device: "auto" });
console.error(`on ${lm.device.description}, because ${lm.device.reason}`);

process.stdout.write(prompt);
for await (const piece of lm.generate(prompt, { maxTokens: 200, temperature: 0.7, seed: 7 })) {
  process.stdout.write(piece);
}
console.log();
lm.dispose();
