import { describe, expect, test } from "vitest";
import { ChatTemplateError } from "./chat-template.ts";
import { createTokenizer } from "./create-tokenizer.ts";

const vocabulary = { model: { type: "WordLevel", vocab: { "<unk>": 0, "<s>": 1 }, unk_token: "<unk>" } };
const chatting = (chatTemplate: string, config: object = {}) =>
  createTokenizer({ tokenizer: vocabulary, chatTemplate, config });
const user = [{ role: "user", content: "Hi" }];

describe("a chat template", () => {
  test("sees messages, special tokens and whether to open an answer", async () => {
    const tokenizer = await chatting(
      "{{ bos_token }}{% for m in messages %}\n  {% if true %}\n[{{ m.role }}] {{ m.content }}\n  {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}>{% endif %}",
      { bos_token: { content: "<s>" } },
    );
    expect(tokenizer.hasChatTemplate).toBe(true);
    expect(tokenizer.applyChatTemplate(user)).toBe("<s>[user] Hi\n");
    expect(tokenizer.applyChatTemplate(user, { addGenerationPrompt: true })).toBe("<s>[user] Hi\n>");
  });

  test("writes tools as Python writes JSON, with nothing escaped for HTML", async () => {
    const tools = [{ name: "a<b", list: [1, 2.5, true, null], empty: {}, text: 'é\n"' }];
    expect((await chatting("{{ tools | tojson }}")).applyChatTemplate(user, { tools })).toBe(
      '[{"name": "a<b", "list": [1, 2.5, true, null], "empty": {}, "text": "é\\n\\""}]',
    );
    expect((await chatting("{{ tools is none }}")).applyChatTemplate(user)).toBe("true");
  });

  test("gets further variables, and the functions of transformers", async () => {
    const tokenizer = await chatting(
      "{{ think }} {{ range(1, 6, 2) | list }} {{ strftime_now('%Y') }}{% generation %}!{% endgeneration %}",
    );
    expect(tokenizer.applyChatTemplate(user, { variables: { think: "on" } })).toBe(
      `on [1, 3, 5] ${new Date().getFullYear()}!`,
    );
  });

  test("is chosen by name, or by whether there are tools", async () => {
    const chat_template = [
      { name: "default", template: "plain" },
      { name: "tool_use", template: "tools" },
      { name: "rag", template: "documents" },
    ];
    const tokenizer = await createTokenizer({ tokenizer: vocabulary, config: { chat_template } });
    expect(tokenizer.applyChatTemplate(user)).toBe("plain");
    expect(tokenizer.applyChatTemplate(user, { tools: [] })).toBe("tools");
    expect(tokenizer.applyChatTemplate(user, { template: "rag" })).toBe("documents");
    expect(() => tokenizer.applyChatTemplate(user, { template: "poem" })).toThrow(
      '"poem" is not among "default", "tool_use", "rag"',
    );
  });

  test("fails with what it raised", async () => {
    const tokenizer = await chatting("{{ raise_exception('roles must alternate') }}");
    expect(() => tokenizer.applyChatTemplate(user)).toThrow(ChatTemplateError);
    expect(() => tokenizer.applyChatTemplate(user)).toThrow("Cannot apply the chat template: roles must alternate");
  });

  test("that cannot be rendered or read says so", async () => {
    const failing = await chatting("{{ messages.nothing() }}");
    expect(() => failing.applyChatTemplate(user)).toThrow(ChatTemplateError);
    const malformed = await chatting("{% if %}");
    expect(() => malformed.applyChatTemplate(user)).toThrow(SyntaxError);
    expect(() => malformed.applyChatTemplate(user)).toThrow(
      'Cannot read "chat_template.jinja": the chat template is malformed',
    );
  });
});
