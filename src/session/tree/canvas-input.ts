/** A change of the canvas as scripts, the API and MCP take it. */
import { z } from "zod";
import { type CanvasChange, cropOf, expansionOf, type Sides } from "../../images/canvas.ts";
import type { Size } from "../../images/model-image.ts";
import type { Box } from "../../images/picture.ts";

const pixels = z.int().min(0);
const error = 'expected whole pixels from 0, or a share of the picture such as "25%"';
const room = z.union([pixels, z.string().regex(/^(\d+(\.\d+)?%|\d+)$/, { error })], { error });

/** Which of the two it is, with what it takes. */
export type CanvasInput =
  | { readonly kind: "crop"; readonly crop: Box }
  | { readonly kind: "expand"; readonly expand: Sides };

/** Undefined where neither is given; who takes both says that before. */
export function canvasInput(crop: Box | undefined, expand: Sides | undefined): CanvasInput | undefined {
  if (crop) return { kind: "crop", crop };
  return expand && { kind: "expand", expand };
}

/** What it makes of a picture of some size. Throws option.invalid, image.too-large. */
export function changeOf(input: CanvasInput, size: Size): CanvasChange {
  return input.kind === "crop" ? cropOf(size, input.crop) : expansionOf(size, input.expand);
}

/** The window of the picture that is kept. */
export const cropSchema = z
  .strictObject({ x: pixels, y: pixels, width: z.int().min(1), height: z.int().min(1) })
  .describe("The window of the picture that is kept, in its pixels; what the edit is made on.");

/** The room that is added around the picture. */
export const expandSchema = z
  .strictObject({
    left: room.optional(),
    top: room.optional(),
    right: room.optional(),
    bottom: room.optional(),
  })
  .describe(
    'Room that is added around the picture first, in pixels or as a share of it ("25%"). The edit\'s mask is then the new border, ' +
      "unless it says another.",
  );
