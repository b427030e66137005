/** A node's picture as a file in any format, with its recipes in it. */
import { lstat } from "node:fs/promises";
import { EmilieError, isEmilieError } from "../../errors.ts";
import { checkWritable, encodePicture, type WriteOptions, writePicture } from "../../images/codec.node.ts";
import type { Picture } from "../../images/picture.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import { contents } from "../file/new-file.node.ts";
import type { Session } from "../session.ts";
import type { Node } from "../tree/tree.ts";
import { describePicture, readPath } from "./picture-path.node.ts";

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
  /**
   * Whether a file that is there is replaced whatever it is. Default false: only one whose recipes say that it is an edit of
   * this session's picture; never the picture that the session was opened on.
   */
  readonly overwrite?: boolean;
}

const EXPORT_OPTIONS: OptionNames<ExportOptions> = {
  ...{ node: true, quality: true, recipe: true, overwrite: true, signal: true },
};

/**
 * Writes a node's picture; the extension names the format (.png, .jpg, .webp, .avif, .tiff). Nothing of the original's own
 * metadata goes into it: no EXIF, no place, no camera.
 *
 * @returns what the file had no room for, in words; empty for all but long chains outside PNG
 * @throws EmilieError option.invalid (another extension or quality) and io.exists (a file is there that is no edit of this
 *   session's picture), both before anything is decoded; io.failed, session.damaged
 */
export async function exportPicture(
  session: Session,
  path: string,
  given: ExportOptions = {},
): Promise<string[]> {
  checkOptions(given, EXPORT_OPTIONS, "the picture's options");
  const { node = session.head, quality, recipe, signal, overwrite = false } = given;
  checkWritable(path, { quality });
  const other = !overwrite && !(await isReplaceable(path, session));
  const { metadata, xmp, left } = await describePicture(session, node, { recipe });
  const isPng = /\.png$/i.test(path);
  const options = { quality, xmp, ...(isPng ? { metadata } : {}) };
  if (other) await refuseOther(path, await node.render({ signal }), options);
  else await writePicture(await node.render({ signal }), path, options);
  if (isPng || left === "nothing") return [];
  return left === "masks"
    ? [
        `${path} has no room for its masks; to replay it, give their files with --mask. PNG and the session keep them.`,
      ]
    : [`${path} has no room for so many recipes, so it cannot be replayed. PNG and the session keep them.`];
}

/** True where nothing is at the path, or an edit of the session's picture, by the recipes that it carries. */
async function isReplaceable(path: string, session: Session): Promise<boolean> {
  const there = await contents(path);
  if (!there) return (await lstat(path).catch(() => null)) === null;
  try {
    return (await readPath(there, path)).original.id === session.root.id;
  } catch (error) {
    if (isEmilieError(error)) return false;
    throw error;
  }
}

/** The very same file need not be written; another one is left. */
async function refuseOther(path: string, picture: Picture, options: WriteOptions): Promise<void> {
  const there = await contents(path);
  if (there && Buffer.compare(there, await encodePicture(picture, path, options)) === 0) return;
  throw new EmilieError(
    "io.exists",
    `${path} already exists and is not an edit of this session's picture, so it was not replaced. Choose another name, or ` +
      "replace it with overwrite: true, or --force on the command line.",
  );
}
