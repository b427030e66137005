/** A node's picture as a file in any format, with its recipes in it. */
import { checkWritable, type WriteOptions, writePicture } from "../images/codec.node.ts";
import type { CallOptions } from "../models/model.ts";
import { describePicture } from "./picture-path.node.ts";
import type { Session } from "./session.ts";
import type { Node } from "./tree-node.ts";

export interface ExportOptions extends CallOptions {
  /** Default: the head. */
  readonly node?: Node;
  /** 1 to 100 for .jpg, .webp and .avif. */
  readonly quality?: WriteOptions["quality"];
  /**
   * Whether the file carries the recipes (instructions, seeds, small masks, the model's name), from which `emilie replay`
   * makes it again. Without them it still says that a model has edited it. Default true.
   */
  readonly recipe?: boolean;
}

/**
 * Writes a node's picture; the extension names the format (.png, .jpg, .webp, .avif, .tiff). Nothing of the original's own
 * metadata goes into it: no EXIF, no place, no camera.
 *
 * @returns what the file had no room for, in words; empty for all but long chains outside PNG
 * @throws EmilieError option.invalid (another extension or quality; before anything is decoded), io.failed, session.damaged
 */
export async function exportPicture(
  session: Session,
  path: string,
  { node = session.head, quality, recipe, signal }: ExportOptions = {},
): Promise<string[]> {
  checkWritable(path, { quality });
  const { metadata, xmp, left } = await describePicture(session, node, { recipe });
  const isPng = /\.png$/i.test(path);
  await writePicture(await node.render({ signal }), path, { quality, xmp, ...(isPng ? { metadata } : {}) });
  if (isPng || left === "nothing") return [];
  return left === "masks"
    ? [
        `${path} has no room for its masks; to replay it, give their files with --mask. PNG and the session keep them.`,
      ]
    : [`${path} has no room for so many recipes, so it cannot be replayed. PNG and the session keep them.`];
}
