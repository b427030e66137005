/** The recipes that a PNG file carries, in a browser. */
import { readPngText } from "../../images/png-text.ts";
import { PICTURE_PATH_JSON } from "../../limits.ts";
import { parseJson } from "../../util/parse-json.ts";
import { KEYWORD, type PicturePath, pathSchema } from "./describe-picture.ts";

export type { PicturePath } from "./describe-picture.ts";

/** How the picture of a PNG file was made; null where the file says nothing of it, or nothing that can be read. */
export function readPicturePath(bytes: Uint8Array): PicturePath | null {
  if (bytes[0] !== 0x89 || bytes[1] !== 0x50) return null;
  try {
    const text = readPngText(bytes)[KEYWORD.path];
    if (text === undefined) return null;
    const wrong = (what: string) => new Error(what);
    return pathSchema.parse(parseJson(text, PICTURE_PATH_JSON, wrong));
  } catch {
    return null;
  }
}
