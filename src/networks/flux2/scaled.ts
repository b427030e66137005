/** Weights of eight bits with their scales beside them, in the names that the programs that write them have. */
import type { WeightRef } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { Refs } from "./names.ts";

/** The scale of a weight: black-forest-labs' and ComfyUI's name, and the older one of the latter. */
const SCALE = /^(.*)\.(?:weight_scale|scale_weight)$/;
/** Of activations, which are not rounded to eight bits of that kind here, and notes of how a file was written. */
const UNUSED = /(^|\.)(?:input_scale|scale_input|comfy_quant|scaled_fp8)$/;
/** Of formats in which two weights share a byte. */
const PACKED = /\.(?:weight_scale_2|weight_packed|qweight|qzeros|absmax)$/;

/**
 * The tensors with each scale at its weight.
 *
 * @throws EmilieError "checkpoint.unsupported" for weights of four bits, "checkpoint.malformed" for a scale without a weight that it fits
 */
export function withScales(path: string, refs: Refs): Refs {
  const packed = [...refs].find(
    ([name, { type }]) => PACKED.test(name) || (type === "U8" && name.endsWith(".weight")),
  );
  if (packed) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path}: "${packed[0]}" belongs to weights of four bits packed in bytes (NVFP4, bitsandbytes or the like), which are not read. Use the file in bf16 or ` +
        'fp8 of the same model; the precision "int4" makes weights of four bits of it.',
    );
  }
  const weights = new Map([...refs].filter(([name]) => !SCALE.test(name) && !UNUSED.test(name)));
  for (const [name, scale] of refs) {
    const module = SCALE.exec(name)?.[1];
    if (module === undefined) continue;
    const weight = weights.get(`${module}.weight`);
    if (!weight || !fits(weight, scale)) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${path}: "${name}" of shape [${scale.shape}] and type ${scale.type} is the scale of no weight of eight bits in the file.`,
      );
    }
    weights.set(`${module}.weight`, { ...weight, scale });
  }
  return weights;
}

/** One number for all, or one for each output. */
function fits(weight: WeightRef, scale: WeightRef): boolean {
  const count = sizeOf(scale.shape);
  const isFloat = scale.type === "F32" || scale.type === "F16" || scale.type === "BF16";
  return weight.type.startsWith("F8_") && isFloat && (count === 1 || count === weight.shape[0]);
}
