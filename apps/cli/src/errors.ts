/** What went wrong, in one line for people. */
export function oneLine(error: unknown): string {
  const { message } = error instanceof Error ? error : new Error(String(error));
  const line = message.trim().replaceAll(/\s*\n\s*/g, " ");
  return line === "" ? "it failed without a message; --verbose says where" : line;
}
