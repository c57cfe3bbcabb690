// threads need shared memory, which a page has only when it is isolated from other origins
const headers = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

export default { server: { headers }, preview: { headers } };
