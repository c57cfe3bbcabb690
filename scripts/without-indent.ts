/** Takes the indentation out of files of WGSL, where it is text and means nothing; in TypeScript it means nothing either. */
export const withoutIndent = {
  name: "without-indent",
  transform: {
    filter: { id: /\.wgsl\.ts$/ },
    // lines stay where they are, and so does what a source map says of them
    handler: (code: string) => ({ code: code.replace(/\n[ \t]+/g, "\n"), map: null }),
  },
};
