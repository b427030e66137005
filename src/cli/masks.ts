/** Masks as they are named on the command line: a picture, a box, or the model's own judgement. */
import { readPicture } from "../images/codec.node.ts";
import { isEmptyMask, type Mask, maskFromBox, maskFromPicture } from "../images/mask.ts";
import type { Picture } from "../images/picture.ts";
import { UsageError } from "./errors.ts";
import type { Output } from "./output.ts";

/** Splits "2=FILE" and gives back which edit it is for. With a single edit the number may be left out. */
export function parseMaskOption(text: string, edits: number): { edit: number; value: string } {
  const [, number, value] = /^(\d+)=(.*)$/s.exec(text) ?? [undefined, undefined, text];
  if (number === undefined && edits > 1) {
    throw new UsageError(
      `--mask ${text}: say which edit it is for, as in --mask 1=${text} (there are ${edits} edits).`,
    );
  }
  const edit = Number(number ?? 1);
  if (edit < 1 || edit > edits) {
    throw new UsageError(`--mask ${text}: there is no edit ${edit}; edits are numbered from 1 to ${edits}.`);
  }
  if (!value) throw new UsageError(`--mask ${text}: expected N=FILE, N=auto or N=box:x,y,width,height.`);
  return { edit, value };
}

/** Reads a mask: "auto", "box:x,y,width,height" in pixels of the picture, or a picture file with white = edit. */
export async function readMask(value: string, picture: Picture, output: Output): Promise<Mask | "auto"> {
  if (value === "auto") return "auto";
  const { width, height } = picture;
  if (value.startsWith("box:")) {
    const numbers = value.slice("box:".length).split(",");
    if (numbers.length !== 4 || !numbers.every((n) => /^\s*\d+\s*$/.test(n))) {
      throw new UsageError(
        `A mask box is box:x,y,width,height in whole pixels from the upper left corner, got ${value}.`,
      );
    }
    const [x, y, w, h] = numbers.map(Number) as [number, number, number, number];
    return maskFromBox(width, height, { x, y, width: w, height: h });
  }
  const mask = maskFromPicture(await readPicture(value));
  const sizes = `${mask.width}×${mask.height}, the picture ${width}×${height}`;
  if (Math.abs(Math.log((mask.width * height) / (mask.height * width))) > 0.02) {
    output.warn(`The mask ${value} has another aspect than the picture (${sizes}); it is stretched to fit.`);
  } else if (mask.width !== width || mask.height !== height) {
    output.warn(`The mask ${value} has another size than the picture (${sizes}); it is scaled to fit.`);
  }
  if (isEmptyMask(mask))
    output.warn(`The mask ${value} is all black, so nothing may change. White means edit.`);
  return mask;
}
