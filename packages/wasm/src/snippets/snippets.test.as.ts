/** Every function of one vector, over arrays whose length is a multiple of four: for the tests of the snippets. */
import { gatherRows, scatterRows } from "./compact.as.ts";
import {
  exp as expOf, exp2Decay as exp2DecayOf, exp2Decays as exp2DecaysOf, exp2DecaysOfTwo as exp2DecaysOfTwoOf, expNormal as expNormalOf,
  expsOfMinus as expsOfMinusOf, expsOfMinusAbs as expsOfMinusAbsOf, peakOf,
} from "./exp.as.ts";
import { fromLanes, toLanes } from "./lanes.as.ts";
import { at, load4, store4 } from "./memory.as.ts";
import { sigmoid as sigmoidOf, silu as siluOf } from "./sigmoid.as.ts";
import { softplus as softplusOf, softpluses as softplusesOf, storeSoftplus } from "./softplus.as.ts";
import { tanh as tanhOf } from "./tanh.as.ts";

export function exp(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), expOf(v128.load(at(x, i))));
}

export function expNormal(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), expNormalOf(v128.load(at(x, i))));
}

export function exp2Decay(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), exp2DecayOf(v128.load(at(x, i))));
}

export function exp2Decays(length: i32, x: usize, y: usize): void {
  exp2DecaysOf(f32x4.splat(1), x, length >> 2, peakOf(x, length >> 2), y);
}

/** As `exp2Decays`, a vector at a time, each with a peak of its own. */
export function exp2DecaysOneByOne(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) exp2DecaysOf(f32x4.splat(1), at(x, i), 1, peakOf(at(x, i), 1), at(y, i));
}

/** As `exp2Decays`, two vectors at a time; of the last one alone it takes what is behind it too. */
export function exp2DecaysOfTwo(length: i32, x: usize, y: usize): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < length; i += 8) {
    exp2DecaysOfTwoOf(one, one, at(x, i), 1, peakOf(at(x, i), 1), peakOf(at(x, i + 4), 1), at(y, i), 32);
  }
}

export function expsOfMinus(length: i32, x: usize, y: usize): void {
  expsOfMinusOf(x, length >> 2, y);
}

export function expsOfMinusAbs(length: i32, x: usize, y: usize): void {
  expsOfMinusAbsOf(x, length >> 2, y);
}

export function sigmoid(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), sigmoidOf(v128.load(at(x, i))));
}

export function silu(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), siluOf(v128.load(at(x, i))));
}

export function softplus(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), softplusOf(v128.load(at(x, i))));
}

export function softpluses(length: i32, x: usize, y: usize): void {
  memory.copy(y, x, (<usize>length) << 2);
  softplusesOf(y, length >> 2, at(y, length));
}

export function tanh(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) v128.store(at(y, i), tanhOf(v128.load(at(x, i))));
}

export function softplusBeside(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) {
    storeSoftplus(v128.load(at(x, i)), at(y, i), at(y, length)); // its slope behind the last
  }
}

export function slopeOfSoftplus(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) {
    storeSoftplus(v128.load(at(x, i)), at(y, length), at(y, i));
  }
}

export function copy(length: i32, x: usize, y: usize): void {
  for (let i = 0; i < length; i += 4) store4(at(y, i), load4(at(x, i), length - i, -1), length - i);
}

export function thereAndBack(channels: i32, places: i32, x: usize, lanes: usize, y: usize): void {
  toLanes(x, lanes, channels, places, places + 1);
  fromLanes(lanes, y, channels, places, places + 1);
}

/** Three rows, "3 inner", of which so many channels go to rows of `wide` elements and from there to y. */
export function togetherAndBack(channels: i32, inner: i32, x: usize, rows: usize, y: usize): void {
  const wide = (channels + 7) & ~7;
  gatherRows(x, inner, channels, 3, rows, wide);
  scatterRows(rows, wide, channels, 3, y, inner);
}
