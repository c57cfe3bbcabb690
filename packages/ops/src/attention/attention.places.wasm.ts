import { defineKernel } from "@elapid/wasm";
import { kernels } from "../kernels.generated.ts";
import { attentionPlaces } from "./attention.places.ts";

export const attentionPlacesKernel = defineKernel(attentionPlaces, {
  module: kernels,
  entry: "attentionPlaces",
  units: ({ batch }) => batch,
  args: ({ dims: { held, time }, inputs, outputs }) => [
    held,
    time,
    inputs.seen,
    inputs.mask,
    inputs.seqIdx,
    outputs.position,
    outputs.first,
    outputs.visible,
    outputs.next,
  ],
});
