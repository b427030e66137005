/** The pictures of a dataset: hashed by their bytes, decoded when somebody has to see them. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { maskFile, readTurnMask } from "./datasets/mask.node.ts";
import { EmilieError, type Mask, type Picture, readPicture, type Size } from "./library.ts";

/** Reads each file once; {@link forget} what was decoded when its item is done. */
export class BenchFiles {
  readonly #hashes = new Map<string, Promise<string>>();
  readonly #pictures = new Map<string, Promise<Picture>>();
  readonly #masks = new Map<string, Promise<Mask>>();

  /** SHA-256 of a file's bytes, and of the words that say how a mask is read from it. Throws image.unreadable. */
  hash(path: string): Promise<string> {
    return remembered(this.#hashes, path, async () => {
      try {
        const file = maskFile(path);
        return createHash("sha256")
          .update(path.slice(0, path.length - file.length))
          .update(await readFile(file))
          .digest("hex");
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new EmilieError("image.unreadable", `A picture of the dataset cannot be read: ${reason}`, {
          cause,
        });
      }
    });
  }

  /** The hash of a file that need not be given. */
  hashOrNull(path: string | undefined): Promise<string | null> {
    return path === undefined ? Promise.resolve(null) : this.hash(path);
  }

  picture(path: string): Promise<Picture> {
    return remembered(this.#pictures, path, () => readPicture(path));
  }

  /** A true picture, which has the size of the first one. Throws option.invalid. */
  async truth(path: string, { width, height }: Size): Promise<Picture> {
    const picture = await this.picture(path);
    if (picture.width === width && picture.height === height) return picture;
    throw new EmilieError(
      "option.invalid",
      `The true picture ${path} is ${picture.width}×${picture.height} pixels large; it must have the size of the first ` +
        `picture, ${width}×${height}.`,
    );
  }

  /** A turn's mask, at the picture's size. */
  mask(words: string, size: Size): Promise<Mask> {
    const key = `${size.width}x${size.height} ${words}`;
    return remembered(this.#masks, key, () => readTurnMask(words, size));
  }

  /** Frees the decoded pictures. */
  forget(): void {
    this.#pictures.clear();
    this.#masks.clear();
  }
}

function remembered<T>(known: Map<string, Promise<T>>, path: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(path) ?? make();
  known.set(path, found);
  return found;
}
