/** Weights of eight bits with their scales beside them, in the names that the programs that write them have. */
import { EmilieError } from "../errors.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Refs } from "./refs.ts";
import type { WeightRef, WeightTable } from "./weights.ts";

/** The scale of a weight: the name that black-forest-labs, ComfyUI and compressed-tensors give it, and ComfyUI's older one. */
const SCALE = /^(.*)\.(?:weight_scale|scale_weight)$/;
/** Of activations, which are not rounded to eight bits of that kind here, and notes of how a file was written. */
const UNUSED = /(^|\.)(?:input_scale|scale_input|comfy_quant|scaled_fp8)$/;
/** Of formats in which two weights share a byte. */
const PACKED = /\.(?:weight_scale_2|weight_packed|qweight|qzeros|absmax)$/;

/** Scales of blocks within a matrix, as transformers' finegrained_fp8 names them. */
const OF_BLOCKS = /\.weight_scale_inv$/;

/**
 * The tensors with each scale at its weight.
 *
 * @throws EmilieError "checkpoint.unsupported" for weights of four bits, of integers, and for scales of blocks; "checkpoint.malformed" for a scale without a weight that it fits
 */
export function withScales(path: string, refs: Refs): Refs {
  const refuse = (name: string, what: string) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${path}: "${name}" belongs to ${what}, which are not read. Use the file of the same model in bf16, or in fp8 with one scale for each matrix or row; ` +
        'the precisions "int8" and "int4" make smaller weights of it.',
    );
  const weights = new Map([...refs].filter(([name]) => !SCALE.test(name) && !UNUSED.test(name)));
  for (const [name, { type }] of refs) {
    if (PACKED.test(name) || (type === "U8" && name.endsWith(".weight"))) {
      throw refuse(name, "weights of four bits packed in bytes (NVFP4, bitsandbytes or the like)");
    }
    if (OF_BLOCKS.test(name)) throw refuse(name, "weights with a scale for each block (finegrained fp8)");
  }
  for (const [name, scale] of refs) {
    const module = SCALE.exec(name)?.[1];
    if (module === undefined) continue;
    const weight = weights.get(`${module}.weight`);
    if (weight?.type === "I8") throw refuse(name, "weights that are integers of eight bits");
    const count = sizeOf(scale.shape);
    const isEight = weight?.type === "F8_E4M3" || weight?.type === "F8_E5M2";
    if (isEight && count > 1 && count !== weight.shape[0]) {
      throw refuse(
        name,
        `weights of shape [${weight.shape}] with ${count} scales, one for each block (MXFP8 or the like)`,
      );
    }
    const isFloat = scale.type === "F32" || scale.type === "F16" || scale.type === "BF16";
    if (!weight || !isEight || !isFloat || count === 0) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${path}: "${name}" of shape [${scale.shape}] and type ${scale.type} is the scale of no weight of eight bits in the file.`,
      );
    }
    // One number for all, or one for each output, however many axes they are stored with.
    const byRow: WeightRef = { ...scale, shape: [count] };
    weights.set(`${module}.weight`, { ...weight, scale: byRow });
  }
  return weights;
}

/** The same of a network's files in a folder. */
export const scaledTable = (table: WeightTable): WeightTable => ({
  ...table,
  tensors: withScales(`${table.folder}/`, table.tensors),
});
