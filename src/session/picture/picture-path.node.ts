/** Pictures that say how they were made, in Node: what describe-picture.ts writes, and the way back. */
import { deflateSync, inflateSync } from "node:zlib";
import { EmilieError } from "../../errors.ts";
import { encodePng, readPicture, readXmp, type WriteOptions } from "../../images/codec.node.ts";
import { readPngText } from "../../images/png-text.ts";
import { readXmpValue } from "../../images/xmp.ts";
import { PICTURE_PATH_JSON } from "../../limits.ts";
import { publicModelName } from "../../models/open.node.ts";
import { parseJson } from "../../util/parse-json.ts";
import type { Session } from "../session.ts";
import type { Node } from "../tree/tree.ts";
import {
  type Describer,
  describePicture as describeWith,
  KEYWORD,
  type PictureMetadata,
  type PicturePath,
  pathSchema,
} from "./describe-picture.ts";

export type { PicturePath } from "./describe-picture.ts";

const here: Describer = {
  codec: { encodePng, readPicture },
  publicName: publicModelName,
  deflate: async (text) => deflateSync(text),
};

/** As describePicture of describe-picture.ts. */
export function describePicture(
  session: Session,
  node: Node,
  options: { readonly recipe?: boolean } = {},
): Promise<PictureMetadata> {
  return describeWith(session, node, here, options);
}

/** The options of writePicture for a node's picture as PNG. */
export async function pngMetadata(session: Session, node: Node): Promise<WriteOptions> {
  const { metadata, xmp } = await describePicture(session, node);
  return { metadata, xmp };
}

/**
 * Reads the path from a picture file's bytes: a PNG's text, or the XMP of any.
 * Throws image.unreadable, and session.malformed where there is none.
 */
export async function readPath(bytes: Uint8Array, name: string): Promise<PicturePath> {
  const wrong = (what: string, cause?: unknown) =>
    new EmilieError("session.malformed", `${name} cannot be replayed: ${what}.`, { cause });
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
  const xmp = await readXmp(bytes, name);
  const packed = xmp === undefined ? undefined : readXmpValue(xmp, "path");
  const text = isPng ? readPngText(bytes)[KEYWORD.path] : undefined;
  if (text === undefined && packed === undefined) {
    throw wrong(
      "it carries no recipes. Pictures that emilie wrote do, unless another program has saved them since or they were too many",
    );
  }
  try {
    const json = text ?? unpack(packed!);
    return pathSchema.parse(parseJson(json, PICTURE_PATH_JSON, (what, cause) => new Error(what, { cause })));
  } catch (cause) {
    throw wrong("its recipes are damaged, too many, or of another version of emilie", cause);
  }
}

function unpack(packed: string): string {
  return inflateSync(Buffer.from(packed, "base64"), { maxOutputLength: PICTURE_PATH_JSON.length }).toString(
    "utf8",
  );
}
