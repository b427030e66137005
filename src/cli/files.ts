/** What the command line calls the files it writes, and how it writes them: never in the place of another file. */
import { basename } from "node:path";
import { encodePicture, type WriteOptions } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import { writeNew } from "../session/file/new-file.node.ts";
import type { Output } from "./output.ts";

/**
 * Writes a picture under a name that nobody has asked for by itself: where another file has it, under a free one, which is said.
 * Returns the file's name.
 */
export async function writeOwn(
  picture: Picture,
  path: string,
  options: WriteOptions,
  output: Output,
  mine?: (there: Uint8Array) => boolean,
): Promise<string> {
  const file = await writeNew(path, await encodePicture(picture, path, options), mine);
  if (file !== path)
    output.note(`${path} is a different file and was not replaced; this one is saved as ${basename(file)}.`);
  return file;
}

/** "01-make-it-winter.png" */
export function pictureFile(number: number, instruction: string): string {
  return `${String(number).padStart(2, "0")}-${slug(instruction)}.png`;
}

/** What of a letter belongs into a file's name: letters, marks on them, digits, pictographs and what joins them. */
const KEPT = /[\p{L}\p{N}\p{M}\p{Extended_Pictographic}\p{RI}\p{EMod}]/u;
const JOINERS = /[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}\p{RI}\p{EMod}\u200c\u200d]/gu;
/** Most disks hold 255 bytes of a name; a number, an ending and what a copy adds have room beside it. */
const MAX_NAME_BYTES = 120;
const MAX_NAME_LETTERS = 40;
/** What Windows keeps for its devices, with any ending. */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])$/;

const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });

/**
 * An instruction as part of a file name: "Paint the roof blue!" → "paint-the-roof-blue". Letters of every script stay, with their
 * marks (NFC), whole as readers see them; whatever steers a terminal or a line of text goes.
 */
export function slug(instruction: string): string {
  const plain = instruction
    .replace(/\p{Cs}/gu, "")
    .normalize("NFC")
    .toLowerCase()
    .normalize("NFC");
  let [name, letters] = ["", 0];
  for (const { segment } of segmenter.segment(plain)) {
    const kept = KEPT.test(segment) ? segment.replace(JOINERS, "") : "-";
    if (kept === "-" && (name === "" || name.endsWith("-"))) continue;
    if (letters + 1 > MAX_NAME_LETTERS || Buffer.byteLength(name + kept) > MAX_NAME_BYTES) break;
    name += kept;
    letters++;
  }
  name = name.replace(/-+$/, "");
  return RESERVED.test(name) ? `${name}-edit` : name || "edit";
}
