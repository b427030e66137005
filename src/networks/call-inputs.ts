/** What every editor does with the tensors that it is called with. */
import { EmilieError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

export const batch = (x: Tensor): Tensor => ({ data: x.data, shape: [1, ...x.shape] });
export const unbatch = (x: Tensor): Tensor => ({ data: x.data, shape: x.shape.slice(1) });
export const invalid = (message: string) => new EmilieError("option.invalid", `${message}.`);

/** Height and width of x [channels, height, width], both multiples of `step`. @throws EmilieError "option.invalid" naming the call */
export function sizeOfInput(call: string, x: Tensor, channels: number, step: number): [number, number] {
  const [c, height = 0, width = 0] = x.shape;
  const good = x.shape.length === 3 && c === channels && height > 0 && width > 0;
  if (!good || height % step !== 0 || width % step !== 0) {
    const sides = step > 1 ? `, height and width multiples of ${step}` : "";
    throw invalid(
      `${call}: expected a tensor of shape [${channels}, height, width]${sides}; got [${x.shape}]`,
    );
  }
  return [height, width];
}
