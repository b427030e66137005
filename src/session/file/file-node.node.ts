/** A node in Node.js: it can be written to a file, and masks may be named by theirs. */
import { fileURLToPath } from "node:url";
import { EmilieError } from "../../errors.ts";
import type { Mask } from "../../images/mask.ts";
import { readMask } from "../../images/read-mask.node.ts";
import { type ExportOptions, exportPicture } from "../picture/export.node.ts";
import type { Session, SessionEditOptions } from "../session.ts";
import { borderOf } from "../tree/prepare-edit.ts";
import type { Node } from "../tree/tree.ts";
import { type NodeHost, type NodeRecord, TreeNode } from "../tree/tree-node.ts";

/** A mask, the path or URL of one (a picture with white = edit), or its words as {@link readMask} reads them. */
export type MaskSource = Mask | string | URL;

/** {@link SessionEditOptions} where there is a file system: every mask may be a file. */
export interface FileEditOptions extends Omit<SessionEditOptions, "mask" | "regions"> {
  /**
   * White (1) may change, black (0) must stay: a mask, the path or URL of a picture, words as in "soft:12:box:40,20,200,160",
   * "auto" for the model's own relevance map, or "border" for what the expansion before it has added. Of another size than the picture, it is stretched to fit. Default: everywhere.
   */
  readonly mask?: MaskSource | "auto";
  /** Further instructions with places and weights of their own, in the same pass. */
  readonly regions?: readonly {
    readonly instruction: string;
    readonly mask?: MaskSource;
    readonly weight?: number;
  }[];
}

/** A node of a session in Node.js. */
export interface FileNode extends Node {
  /**
   * Edits this node, wherever the head is: a branch, where it was edited before.
   *
   * @throws EmilieError as session.edit
   */
  edit(instruction: string, options?: Omit<FileEditOptions, "from">): Promise<FileNode>;
  /**
   * Writes the picture at the user's own size, as {@link exportPicture} does: the extension names the format (.png, .jpg, .webp,
   * .avif or .tiff), and the file carries the recipes that lead to it, so that `emilie replay` can make it again.
   * The file appears whole or not at all.
   *
   * @returns what the file had no room for, in words; empty for all but long chains outside PNG
   * @throws EmilieError option.invalid (another extension or quality), io.exists (a file is there that is no edit of this
   *   session's picture, and `overwrite` is not set), io.failed, session.damaged, disposed
   */
  save(path: string, options?: Omit<ExportOptions, "node">): Promise<string[]>;
}

export class FileTreeNode extends TreeNode implements FileNode {
  readonly #session: Session;

  constructor(record: NodeRecord, host: NodeHost, session: Session) {
    super(record, host);
    this.#session = session;
  }

  override edit(instruction: string, options?: Omit<FileEditOptions, "from">): Promise<FileNode> {
    // The host is a StoredSession, which reads masks from files and makes nodes of this class.
    return super.edit(instruction, options as SessionEditOptions) as Promise<FileNode>;
  }

  save(path: string, options?: Omit<ExportOptions, "node">): Promise<string[]> {
    return exportPicture(this.#session, path, { ...options, node: this });
  }
}

/** Makes the masks that are files or words. Throws option.invalid, mask.invalid, image.unreadable and image.too-large. */
export async function readMasks(session: Session, options: FileEditOptions): Promise<SessionEditOptions> {
  const { mask, regions, onWarning } = options;
  const canvas = session.canvasOf(options.from ?? session.head);
  const make = async (source: MaskSource | undefined): Promise<Mask | "auto" | "border" | undefined> => {
    if (typeof source !== "string" && !(source instanceof URL)) return source;
    const words = typeof source === "string" ? source : `file:${fileURLToPath(source)}`;
    return readMask(words, await canvas.picture(), { held: session.masks, onWarning });
  };
  const placed = regions?.map(async (region) => {
    const made = await make(region.mask);
    if (made === "border") return { ...region, mask: borderOf(options.from ?? session.head) };
    if (made !== "auto") return { ...region, mask: made };
    throw new EmilieError(
      "option.invalid",
      '"auto" is only for the edit\'s own mask; a region needs its own mask.',
    );
  });
  return { ...options, mask: await make(mask), regions: placed && (await Promise.all(placed)) };
}
