/** What a turn costs. */
import type { EditModel, Picture } from "../library.ts";
import type { MethodResult } from "../types.ts";

/** Makes a turn's picture and counts the UNet rows and seconds that it took, encoding and decoding included. */
export async function metered(model: EditModel, make: () => Promise<Picture>): Promise<MethodResult> {
  const [calls, start] = [model.calls.denoise, performance.now()];
  const picture = await make();
  return { picture, unetCalls: model.calls.denoise - calls, seconds: (performance.now() - start) / 1000 };
}
