// a page without a GPU loads what looks for one, and no more of that package
export { probeAdapter } from "@elapid/webgpu";
