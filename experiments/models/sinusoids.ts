let table = { time: 0, dModel: 0, values: new Float32Array(0) };

/** Sines and cosines of positions 0 to `time - 1` at wavelengths from 2π to 20000π: `time dModel` (Vaswani et al. 2017, section 3.5). */
export function sinusoids(time: number, dModel: number): Float32Array {
  if (table.dModel !== dModel || table.time < time) {
    const values = Float32Array.from({ length: time * dModel }, (_, i) => {
      const [position, channel] = [Math.floor(i / dModel), i % dModel];
      const angle = position / 10_000 ** ((channel - (channel % 2)) / dModel);
      return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    });
    table = { time, dModel, values };
  }
  return table.values.subarray(0, time * dModel);
}
