/** A node in Node.js: it can be written to a file, and masks may be named by theirs. */
import { extname } from "node:path";
import { readPicture, writePicture } from "../images/codec.node.ts";
import { type Mask, maskFromPicture } from "../images/mask.ts";
import { describePath } from "./picture-path.node.ts";
import type { Session, SessionEditOptions } from "./session.ts";
import { type Node, type NodeHost, type NodeRecord, TreeNode } from "./tree-node.ts";

/** A mask, or the file of one: a picture with white = edit. */
export type MaskSource = Mask | string | URL;

/** {@link SessionEditOptions} where there is a file system: every mask may be a file. */
export interface FileEditOptions extends Omit<SessionEditOptions, "mask" | "regions"> {
  /**
   * White (1) may change, black (0) must stay: a mask, the path or URL of a picture, or "auto" for the model's own relevance
   * map. Of another size than the picture, it is stretched to fit. Default: everywhere.
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
   * Writes the picture at the user's own size. The extension names the format: .png, .jpg, .webp, .avif or .tiff. A PNG carries
   * the recipes that lead to it, so that `emilie replay` can make it again; the other formats carry none.
   * The file appears whole or not at all.
   *
   * @throws EmilieError option.invalid (another extension), io.failed, session.damaged, disposed
   */
  save(path: string): Promise<void>;
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

  async save(path: string): Promise<void> {
    const isPng = extname(path).toLowerCase() === ".png";
    const metadata = isPng ? await describePath(this.#session, this) : undefined;
    await writePicture(await this.render(), path, { metadata });
  }
}

/** Reads the masks that are files. Throws image.unreadable and image.too-large. */
export async function readMasks(options: FileEditOptions): Promise<SessionEditOptions> {
  const { mask, regions } = options;
  return {
    ...options,
    mask: mask === "auto" ? mask : await readMask(mask),
    regions:
      regions &&
      (await Promise.all(regions.map(async (region) => ({ ...region, mask: await readMask(region.mask) })))),
  };
}

async function readMask(source: MaskSource | undefined): Promise<Mask | undefined> {
  const isFile = typeof source === "string" || source instanceof URL;
  return isFile ? maskFromPicture(await readPicture(source)) : source;
}
