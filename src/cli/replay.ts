/** `emilie replay`: a session, or the way to one picture, computed again and compared bit for bit. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { EmilieError, isEmilieError } from "../errors.ts";
import { isLossy, MAX_PICTURE_BYTES, readPicture, type WriteOptions } from "../images/codec.node.ts";
import { compareInsideOutside } from "../images/difference.ts";
import { type Mask, maskFromPicture } from "../images/mask.ts";
import { parseMaskSpec } from "../images/mask-spec.ts";
import type { Size } from "../images/model-image.ts";
import { type Picture, samePicture } from "../images/picture.ts";
import { readMask } from "../images/read-mask.node.ts";
import type { EditModel } from "../method/edit-model.ts";
import type { LoraOption, NodeDevice } from "../models/load.node.ts";
import { readContainer } from "../session/file/container.node.ts";
import { loadModelOf, refuseFar } from "../session/file/model-source.node.ts";
import { replayPath } from "../session/file/replay-path.node.ts";
import { pictureId } from "../session/picture/original.ts";
import { type PicturePath, pngMetadata, readPath } from "../session/picture/picture-path.node.ts";
import { onOneLine } from "../session/script/printable.ts";
import type { Verification } from "../session/tree/verify.ts";
import { readFileWithin } from "../util/open-file.node.ts";
import { type Context, makeFolder, modelFacts, stoppable } from "./context.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import { pictureFile, writeOwn } from "./files.ts";
import { loadTold, told } from "./load.ts";
import {
  deviceOption,
  fitOption,
  loraOption,
  precisionOption,
  tokenizerOption,
  vaeOption,
} from "./model-options.ts";
import { collect } from "./options.ts";
import type { Output } from "./output.ts";
import { continueSession, isSessionFile } from "./session-file.ts";

const EXAMPLES = `
Examples:
  $ emilie replay out/session.emilie --verify
  $ emilie replay out/02-make-it-night.png
  $ emilie replay night.jpg --image photo.jpg --out again
  $ emilie replay night.png --image photo.jpg --mask roof.png

For a session, every edit is recomputed from its recipe and compared with the saved result. Without --verify, latents that are
missing from a damaged file are restored. For a picture that emilie wrote, the edits recorded in it are applied again to the
original, which is --image, or 00-original.png next to the picture. For lossy formats (JPEG, WebP and AVIF), the edits are
compared bit for bit and the difference of the pixels is printed; --out writes the exact picture.
A GPU (--device) rounds differently from a CPU, so results of one cannot be reproduced bit for bit on the other.
Exit codes: 0 everything that can be compared is identical bit for bit, 1 something differs or cannot be recomputed.`;

interface Flags {
  readonly verify?: boolean;
  readonly image?: string;
  readonly mask?: readonly string[];
  readonly reference?: readonly string[];
  readonly model?: string;
  readonly lora?: readonly LoraOption[];
  readonly tokenizer?: string;
  readonly vae?: string;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly out?: string;
  readonly json?: boolean;
}

/** One line of the report. */
interface Row {
  readonly id: string;
  readonly instruction: string;
  readonly result: Verification["result"];
  readonly error?: number;
}

export function addReplay(program: Command, context: Context): void {
  program
    .command("replay")
    .description("recompute a session or a picture from its recipes, and compare the results bit for bit")
    .argument("<file>", "a saved session (.emilie), or a picture that emilie wrote")
    .option("--verify", "only compare, and write nothing, even if missing data could be restored")
    .option("--image <file>", "the original picture, if it is neither in the session nor next to the file")
    .option(
      "--mask <mask>",
      "a mask that the file does not contain, in the format of emilie edit --mask; repeatable",
      collect,
    )
    .option("--reference <file>", "a reference picture of a picture's edits; repeatable", collect)
    .option(
      "--model <model>",
      "the location of the checkpoint (default: as recorded in the session; a picture records only its name)",
    )
    .addOption(loraOption())
    .addOption(tokenizerOption())
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(fitOption())
    .addOption(vaeOption())
    .option("--out <folder>", "also write the computed pictures to this folder")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((file: string, flags: Flags) =>
      context.run(flags.json ?? false, (output) =>
        isSessionFile(file) ? replaySession(file, flags, output) : replayPicture(file, flags, output),
      ),
    );
}

async function replaySession(file: string, flags: Flags, output: Output): Promise<void> {
  const { model, lora, tokenizer, vae, device, precision } = flags;
  const how = { model, lora, tokenizer, vae, device, precision };
  const session = await continueSession(file, how, output, {
    original: flags.image,
    masks: await readMasks(flags, (await readContainer(file)).manifest.picture),
  });
  try {
    const damaged = session.warnings.length > 0;
    let start = performance.now();
    const results = await stoppable(output, (signal) =>
      session.verify({
        signal,
        onProgress: ({ node, step, steps }) => {
          if (step === 0) start = performance.now();
          // The first step's end is where the clock starts, so it counts the steps after it.
          if (step > 0)
            output.progress(node.instruction, step, steps - 1, (performance.now() - start) / 1000);
        },
      }),
    );
    const rows = results.map(
      ({ node, result, error }): Row => ({
        id: node.id,
        instruction: node.instruction || "original",
        result,
        error,
      }),
    );
    sayRows(rows, output);
    if (damaged && !flags.verify) {
      await session.save(file);
      output.say("\nDamaged data was rewritten where it could be computed again.");
    }
    const nodes = flags.out === undefined ? [] : results.filter(({ result }) => result !== "unknown");
    for (const [index, { node }] of nodes.entries()) {
      await write(
        flags.out!,
        index,
        node.instruction || "original",
        await node.render(),
        await pngMetadata(session, node),
        output,
      );
    }
    finish(rows, { file, model: modelFacts(session.model) }, output);
  } finally {
    await session.model.dispose();
  }
}

async function replayPicture(file: string, flags: Flags, output: Output): Promise<void> {
  const path = await readPath(await readBytes(file), basename(file));
  const original = flags.image ? await readPicture(flags.image) : await besideOf(file, path);
  const masks = await readMasks(flags, original);
  const references = await Promise.all((flags.reference ?? []).map((name) => readPicture(name)));
  const expected = await readPicture(file);
  const model = await modelOf(file, path, flags, output);
  try {
    const { session, steps } = await stoppable(output, (signal) =>
      replayPath(model, original, path, masks, { signal, references }),
    );
    const rows = steps.map(
      ({ node, same }): Row => ({
        id: node.id,
        instruction: node.instruction,
        result: same ? "same" : "differs",
      }),
    );
    sayRows(rows, output);
    const { node } = steps.at(-1)!;
    const picture = await node.render();
    if (flags.out !== undefined) {
      const metadata = await pngMetadata(session, node);
      await write(flags.out, steps.length, node.instruction, picture, metadata, output);
    }
    const compared = compareFiles(picture, expected, isLossy(file));
    output.say(`\n${compared.words}`);
    finish(
      rows,
      { file, model: modelFacts(model), picture: compared.facts },
      output,
      compared.same !== false,
    );
  } finally {
    await model.dispose();
  }
}

/** How a picture in a file compares with the one computed again; `same` is null where that cannot be told bit for bit. */
function compareFiles(picture: Picture, expected: Picture, lossy: boolean) {
  const sizes = `${expected.width}×${expected.height}, the computed one ${picture.width}×${picture.height}`;
  if (picture.width !== expected.width || picture.height !== expected.height) {
    const words = `The picture in the file has another size (${sizes}): it was scaled afterwards, so its pixels cannot be compared.`;
    return { same: null, words, facts: { same: null, lossy } };
  }
  const same = samePicture(picture, expected);
  const difference = compareInsideOutside(picture, expected).inside;
  const amount =
    `${difference.changedPixels} of ${difference.pixels} pixels, by ${difference.mae.toFixed(3)} ` +
    `of 255 levels on average (PSNR ${difference.psnr.toFixed(1)} dB)`;
  if (lossy && !same) {
    const words =
      "The file's format is lossy, so its pixels cannot be compared bit for bit; the edits above are. " +
      `From the computed picture it differs in ${amount}.`;
    return { same: null, words, facts: { ...difference, same: null, lossy } };
  }
  const words = same ? "The picture is the same, byte for byte." : `The picture differs in ${amount}.`;
  return { same, words, facts: { ...difference, same, lossy } };
}

/** A picture tells no folders; where its model lies is said by --model, or by the session that was saved beside it. */
async function modelOf(
  file: string,
  { model }: PicturePath,
  flags: Flags,
  output: Output,
): Promise<EditModel> {
  const { device, precision, lora, tokenizer, vae } = flags;
  const how = { device, precision, lora, tokenizer, vae };
  if (flags.model !== undefined) return loadTold(flags.model, how, output);
  const beside = await sessionBeside(file, model.fingerprint);
  if (beside) {
    const { manifest, path } = beside;
    return told(output, (watch) => loadModelOf(manifest, path, { precision, vae }, { device, ...watch }));
  }
  refuseFar(model.id, basename(file));
  try {
    return await loadTold(model.id, how, output);
  } catch (cause) {
    if (!isEmilieError(cause) || cause.code !== "checkpoint.missing") throw cause;
    throw new EmilieError(
      "checkpoint.missing",
      `${basename(file)} was made with ${model.id} (fingerprint ${model.fingerprint.slice(0, 12)}), and no model of that ` +
        "name was found. Give its location with --model (and --lora).",
      { cause },
    );
  }
}

/** A session in the picture's folder that was made with a model of this fingerprint. */
async function sessionBeside(file: string, fingerprint: string) {
  const folder = dirname(file);
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((one) => /^session(-\d+)?\.emilie$/.test(one)).sort()) {
    const path = join(folder, name);
    try {
      const { manifest } = await readContainer(path);
      if (manifest.model.fingerprint === fingerprint) return { manifest, path };
    } catch (error) {
      if (!isEmilieError(error)) throw error;
    }
  }
  return undefined;
}

/** The original that was written beside the picture, recognised by its pixels: another picture's may have the usual name. */
async function besideOf(file: string, { original }: PicturePath): Promise<Picture> {
  const folder = dirname(file);
  const names = await readdir(folder).catch(() => []);
  const candidates = names.filter((name) => /^00-original(-\d+)?\.png$/.test(name)).sort();
  for (const name of candidates) {
    const picture = await readPicture(join(folder, name));
    if ((await pictureId(picture)) === original.id) return picture;
  }
  throw new EmilieError(
    "image.unreadable",
    `The edits of ${basename(file)} started from a picture of ${original.width}×${original.height} pixels (id ${original.id}), ` +
      "which is not next to it. Give it with --image.",
  );
}

/** Masks are recognised by their hashes, so a file is offered in both ways in which an edit may have read it. */
async function readMasks({ mask = [] }: Flags, size: Size): Promise<Mask[]> {
  const masks: Mask[] = [];
  for (const words of mask) {
    const { kind, channel, name } = parseMaskSpec(words);
    if (kind === "file" && channel === "auto") masks.push(maskFromPicture(await readPicture(name)));
    try {
      const read = await readMask(words, size);
      if (typeof read !== "string") masks.push(read);
    } catch (error) {
      if (!isEmilieError(error) || error.code !== "mask.ambiguous") throw error;
    }
  }
  return masks;
}

function sayRows(rows: readonly Row[], output: Output): void {
  const words = {
    same: () => "the same, bit for bit",
    restored: () => "was lost, and is computed again",
    unknown: () =>
      "cannot be computed again: a mask or its parent is lost, or only earlier versions compute it",
    differs: ({ error }: Row) =>
      error === undefined ? "differs" : `differs by ${error.toExponential(1)} (relative, in the latent)`,
  };
  for (const row of rows) {
    const good = row.result === "same" || row.result === "restored";
    output.say(`${good ? "✓" : "✗"} ${row.id}  ${onOneLine(row.instruction)}: ${words[row.result](row)}`);
  }
}

function finish(rows: readonly Row[], facts: Record<string, unknown>, output: Output, same = true): void {
  const bad = rows.filter(({ result }) => result === "differs" || result === "unknown");
  const reproduced = bad.length === 0 && same;
  output.document({ ...facts, reproduced, nodes: rows, warnings: output.warnings });
  if (reproduced) return;
  const names = bad.map(({ id, instruction }) => `${id} (${onOneLine(instruction)})`).join(", ");
  throw new Unsuccessful(
    `Not reproduced: ${names || "the picture"}. Another CPU, runtime or number of threads rounds differently.`,
    EXIT.failed,
  );
}

async function write(
  out: string,
  number: number,
  name: string,
  picture: Picture,
  metadata: WriteOptions,
  output: Output,
): Promise<void> {
  await makeFolder(out);
  await writeOwn(picture, join(out, pictureFile(number, name)), metadata, output);
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFileWithin(file, MAX_PICTURE_BYTES);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmilieError("image.unreadable", `${file} cannot be read: ${reason}`, { cause });
  }
}
