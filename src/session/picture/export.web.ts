/** A node's picture as a file with its recipes in it, in a browser. */
import { encodePng, readPicture } from "../../images/codec.web.ts";
import { embedXmp } from "../../images/embed-xmp.ts";
import { XMP_KEYWORD } from "../../images/xmp.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { Session } from "../session.ts";
import type { Node } from "../tree/tree.ts";
import { type Describer, describePicture } from "./describe-picture.ts";

const here: Describer = {
  codec: { encodePng, readPicture: (png) => readPicture(png as Uint8Array<ArrayBuffer>) },
  // An address tells where the page was; its last part is the checkpoint's folder.
  publicName: (id) => (URL.canParse(id) ? (id.split("/").findLast(Boolean) ?? id) : id),
  deflate: async (text) => {
    const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(packed).arrayBuffer());
  },
};

/** How a picture is written. */
export interface PngFileOptions extends CallOptions {
  /** Default: the head. */
  readonly node?: Node;
  /**
   * Whether the file carries the recipes (instructions, seeds, small masks, the model's name), from which `emilie replay`
   * makes it again. Without them it still says that a model has edited it. Default true.
   */
  readonly recipe?: boolean;
}

/**
 * A node's picture as PNG, pixel for pixel. Nothing of the original's own metadata goes into it.
 *
 * @throws EmilieError session.damaged where the node's latent is lost
 */
export async function pngFile(
  session: Session,
  { node = session.head, recipe, signal }: PngFileOptions = {},
): Promise<Blob> {
  const { metadata, xmp } = await describePicture(session, node, here, { recipe });
  const text = { ...metadata, ...(xmp === undefined ? {} : { [XMP_KEYWORD]: xmp }) };
  const png = await encodePng(await node.render({ signal }), { metadata: text });
  return new Blob([png], { type: "image/png" });
}

/**
 * A JPEG or WebP file of a node's picture, as a canvas writes it, with the recipes put into it. Where a file has no room for
 * them (60,000 bytes), masks go first and then the recipes, as in files that Node writes; PNG holds all.
 *
 * @throws EmilieError image.unreadable for a file of another format
 */
export async function withRecipes(
  file: Blob,
  session: Session,
  { node = session.head, recipe }: Omit<PngFileOptions, "signal"> = {},
): Promise<Blob> {
  const { xmp } = await describePicture(session, node, here, { recipe });
  if (xmp === undefined) return file;
  return new Blob([embedXmp(new Uint8Array(await file.arrayBuffer()), xmp)], { type: file.type });
}
