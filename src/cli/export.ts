/** `emilie export`: one picture of a saved session as a file in any format. */
import type { Command } from "commander";
import { checkWritable } from "../images/codec.node.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { exportPicture } from "../session/picture/export.node.ts";
import { type Context, modelFacts } from "./context.ts";
import { UsageError } from "./errors.ts";
import { deviceOption } from "./model-options.ts";
import * as values from "./options.ts";
import type { Output } from "./output.ts";
import { continueSession, findNode, isSessionFile } from "./session-file.ts";

const EXAMPLES = `
Examples:
  $ emilie export out/session.emilie winter.jpg
  $ emilie export out/session.emilie winter.webp --node 3fd1 --quality 80
  $ emilie export out/session.emilie winter.png --no-recipe

The picture has the size of your original, or the size after its crops and expansions. Its metadata contains its recipes, so that emilie replay can reproduce it, and the
IPTC label for pictures edited by a model; none of the original's own metadata (place, camera, date) is copied. With
--no-recipe only the label is written. JPEG, WebP and AVIF are lossy, PNG and TIFF lossless.`;

interface Flags {
  readonly node?: string;
  readonly quality?: number;
  readonly recipe: boolean;
  readonly force?: boolean;
  readonly model?: string;
  readonly device?: NodeDevice;
  readonly json?: boolean;
}

export function addExport(program: Command, context: Context): void {
  program
    .command("export")
    .description("write a picture of a saved session as PNG, JPEG, WebP, AVIF or TIFF")
    .argument("<session>", "a .emilie file")
    .argument("<picture>", "the file to write; its extension selects the format")
    .option("--node <node>", "the id or name of the node, or original (default: the head)")
    .option("--quality <1-100>", "for JPEG and WebP (default: 92) and AVIF (default: 80)", values.quality)
    .option("--force", "replace an existing file, whatever it is (default: only an edit of the same picture)")
    .option("--no-recipe", "leave instructions, seeds and masks out of the file")
    .option("--model <model>", "the location of the checkpoint (default: as recorded in the session)")
    .addOption(deviceOption())
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((file: string, picture: string, flags: Flags) =>
      context.run(flags.json ?? false, (output) => exportNode(file, picture, flags, output)),
    );
}

async function exportNode(file: string, picture: string, flags: Flags, output: Output): Promise<void> {
  if (!isSessionFile(file)) throw new UsageError(`${file}: expected a saved session (.emilie).`);
  const { quality, recipe } = flags;
  checkWritable(picture, { quality });
  const session = await continueSession(file, flags, output);
  try {
    const nodes = session.nodes.values();
    const node = flags.node === undefined ? session.head : findNode(nodes, flags.node, "--node");
    const warnings = await exportPicture(session, picture, {
      node,
      quality,
      recipe,
      overwrite: flags.force,
    });
    for (const warning of warnings) output.warn(warning);
    const { width, height } = node.size;
    output.say(`${node.instruction || "original"} (${node.id}), ${width}×${height} → ${picture}`);
    output.document({
      file: picture,
      node: node.id,
      instruction: node.instruction,
      width,
      height,
      model: modelFacts(session.model),
      warnings: output.warnings,
    });
  } finally {
    await session.model.dispose();
  }
}
