/**
 * Makes a folder and those above it that are missing. Node's recursive `mkdir` never ends where a folder that exists answers
 * that it does not when something is made in it, as `/proc` does.
 *
 * @throws Error as `mkdir` does, such as `ENOENT` where nothing can be made, and `EEXIST` where a file stands.
 */
export async function makeFolder(path: string): Promise<void> {
  const { mkdir, stat } = await import("node:fs/promises");
  const { dirname } = await import("node:path");
  const isFolder = (place: string) =>
    stat(place).then(
      (found) => found.isDirectory(),
      () => false,
    );
  try {
    await mkdir(path);
  } catch (error) {
    if (await isFolder(path)) return;
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path || (await isFolder(above))) throw error;
    await makeFolder(above);
    await makeFolder(path);
  }
}
