/** Whether this runtime has a file system: Node, Bun and Deno do, a page does not. */
export function hasFileSystem(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}
