/**
 * Copies a few cases of each official function from a tree of reference numbers, with their tensors, so that the
 * tests need nothing outside the repository: `node --conditions=@elapid/source golden/kernels/copy.ts TREE`.
 * `index.json` says which tree they came from; what made that tree is pinned by its own README.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const chosen: Readonly<Record<string, readonly string[]>> = {
  attention: ["0", "1", "2", "3", "4"],
  selective_scan: [
    ...["opts_D0_z0_bias0_softplus0", "opts_D1_z0_bias1_softplus0", "opts_D1_z1_bias1_softplus1"],
    ...["length_1", "length_129", "state_1", "state_32", "large_delta", "init_state_a", "split"],
    ...["bc_group_group_g3", "bc_const_var_g1", "bc_group_const_g6", "complex_var", "complex_const", "init_state_complex"],
  ],
  selective_state_update: ["m1_D0_z0_bias0_softplus0", "m1_D1_z1_bias1_softplus0", "m1_D1_z1_bias1_softplus1", "m2_1", "m2_2", "m2_plain"],
  causal_conv1d: ["w2_0", "w2_1_state", "w3_2_state", "w3_3", "w4_0_state", "w4_1", "w4_2", "w4_3_state", "packed"],
  causal_conv1d_update: ["w2_state1_seq1", "w2_state2_seq3", "w3_state5_seq1", "w4_state3_seq1", "w4_state4_seq3", "w4_state6_seq1", "w4_state5_circular"],
  rms_norm: ["0_residual0", "0_residual1", "1_residual0", "1_residual1", "2_residual0", "2_residual1"],
  layer_norm: ["0", "1", "2"],
  cross_entropy: ["0_mean", "1_sum", "2_mean", "3_none", "4_mean", "large_logits"],
  hippo_transition: ["legs_8", "legt_8", "lagt_8", "fourier_8", "fourier_diag_8", "legsd_8"],
  hippo_nplr: ["legs_8", "legt_8", "lagt_8", "fourier_8"],
  s4d_init: ["legs_8", "legs_64", "lin_8", "inv_8", "inv2_8", "quad_8", "real_8"],
  discretize_dense: ["zoh_legs_8_0.5", "bilinear_legs_8_0.5", "euler_legs_8_0.5", "backward_euler_legs_8_0.5"],
  discretize_diagonal: ["zoh_complex", "zoh_real", "bilinear_complex", "bilinear_real", "euler_complex", "euler_real"],
  s4d_kernel: ["0", "1", "2"],
  s4d_layer: ["0"],
  scan_sum: ["L1_fwd", "L64_rev", "L129_fwd"],
  scan_max: ["L1_rev", "L64_rev", "L129_fwd"],
  scan_linear: ["L1_fwd_real", "L64_fwd_complex", "L64_rev_real", "L129_fwd_real", "L129_rev_complex"],
  ssm_kernel_diag: ["zoh_0", "bilinear_0"],
  ssd_minimal: ["0_init0", "0_init1"],
  ssd_chunk_scan: ["opts_Dheaddim_z1", "opts_Dhead_z0", "groups_2", "length_17_chunk_8", "dt_limit_lower", "packed_init"],
  mamba2_layer: ["1", "2", "3", "dt_limit", "D_has_hdim"],
  mamba3_siso: ["0", "1", "2", "packed_init0", "packed_init1"],
  mamba3_mimo: ["1", "2"],
  mamba3_mimo_recurrent: ["0", "1", "2"],
  mamba3_rotary_step: ["pairwise", "halved"],
  mamba3_state_update: ["0", "1", "2"],
  mamba3_layer: ["1", "2", "3", "5"],
};

interface Case {
  readonly id: string;
  readonly op: string;
  readonly file: string;
  readonly prefix: string;
}

interface Slice {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const [tree] = process.argv.slice(2);
if (tree === undefined) throw new TypeError("usage: copy.ts TREE");
const source = readFileSync(join(tree, "kernels/index.json"));
const { cases, variant, seed } = JSON.parse(source.toString()) as { cases: Case[]; variant: string; seed: number };

const tensors = new Map<string, Slice>();
const kept: Case[] = [];
for (const [op, names] of Object.entries(chosen)) {
  for (const name of names) {
    const found = cases.find(({ id }) => id === `${op}/${name}`);
    if (found === undefined) throw new RangeError(`Cannot copy "${op}/${name}": the tree has no such case`);
    for (const [tensor, slice] of tensorsOf(join(tree, "kernels", found.file), found.prefix)) tensors.set(tensor, slice);
    kept.push({ ...found, file: "cases.safetensors" });
  }
}
const from = { variant, seed, sha256: createHash("sha256").update(source).digest("hex") };
writeFileSync(join(import.meta.dirname, "index.json"), `${JSON.stringify({ from, cases: kept }, undefined, 1)}\n`);
writeFileSync(join(import.meta.dirname, "cases.safetensors"), encode(tensors));

function* tensorsOf(path: string, prefix: string): Generator<[string, Slice]> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name.startsWith(prefix)) yield [name, { dtype, shape, bytes: file.subarray(start + offsets[0], start + offsets[1]) }];
  }
}

function encode(all: ReadonlyMap<string, Slice>): Uint8Array {
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of all) {
    header[name] = { dtype, shape, data_offsets: [end, (end += bytes.length)] };
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...[...all.values()].map(({ bytes }) => bytes)]);
}
