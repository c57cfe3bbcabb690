import { wgsl, type Wgsl } from "@elapid/webgpu";

/**
 * `windowBefore(b, e, first)`: the last inputs of a channel before step `first`, and `enter(&window, row, input)`, which
 * moves it on by a step that is no padding. For passes that bind `x`, `initialState`, `mask` and `seqIdx`.
 */
export function windows(width: number): Wgsl {
  return wgsl`
const past = ${width - 1}u;

struct Window {
  inputs: array<f32, ${width}>, // oldest first, the current input last
  begun: bool, // there was an input before
  sequence: i32, // that of the last input
}

fn windowBefore(b: u32, e: u32, first: u32) -> Window {
  var window = Window();
  var missing = past;
  var isFirst = true; // sequence of the row
  for (var t = first; t > 0 && (missing > 0 || (hasSeqIdx && !window.begun)); t--) {
    let row = b * dims.time + t - 1;
    if (hasMask) {
      if (mask[row] == 0) { continue; }
    }
    if (hasSeqIdx) {
      if (!window.begun) { window.sequence = seqIdx[row]; }
      window.begun = true;
      isFirst = seqIdx[row] == window.sequence;
      if (!isFirst) { break; }
    }
    if (missing == 0) { break; }
    window.inputs[missing] = x[row * dims.inner + e];
    missing--;
  }
  if (hasInitialState && isFirst) {
    let channel = (b * dims.inner + e) * past;
    for (var k = 0u; k < missing; k++) { window.inputs[missing - k] = initialState[channel + past - 1 - k]; }
  }
  return window;
}

fn enter(window: ptr<function, Window>, row: u32, input: f32) {
  if (hasSeqIdx) {
    if ((*window).begun && seqIdx[row] != (*window).sequence) { (*window).inputs = array<f32, ${width}>(); }
    (*window).sequence = seqIdx[row];
    (*window).begun = true;
  }
  for (var k = 0u; k < past; k++) { (*window).inputs[k] = (*window).inputs[k + 1]; }
  (*window).inputs[past] = input;
}`;
}
