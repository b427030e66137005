/** `emilie demo`: a picture through several edits and a branch, offline, compared with the pictures that should come out. */

import { basename, join, relative } from "node:path";
import type { Command } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { readPicture } from "../images/codec.node.ts";
import { compareInsideOutside } from "../images/difference.ts";
import type { Picture } from "../images/picture.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import { readySteps } from "../session/script/run-script.ts";
import { openSession } from "../session/session.ts";
import { type Context, makeFolder, modelFacts, stoppable } from "./context.ts";
import { type DemoScript, readDemoScript } from "./demo-script.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import { loadTold } from "./load.ts";
import { maskSources } from "./masks.ts";
import { deviceOption, fitOption, precisionOption } from "./model-options.ts";
import { formatSeconds, type Output } from "./output.ts";
import { type Preview, previewOption } from "./preview.ts";
import { runSteps } from "./steps.ts";

const HELP = `
Examples:
  $ emilie demo
  $ emilie demo --out tour
  $ emilie demo my-tour.json --json

Nothing is downloaded. The pictures, and a contact sheet of them (strip.png), are written to --out.
Exit codes: 0 every picture is as expected, 1 a picture differs, 130 stopped by Ctrl-C (finished results are kept).`;

interface Flags {
  readonly out: string;
  readonly precision?: Precision;
  readonly preview: Preview;
  readonly device?: NodeDevice;
  readonly json?: boolean;
}

export function addDemo(program: Command, context: Context): void {
  program
    .command("demo")
    .description("apply several instructions to a picture that ships with emilie, and check the results")
    .argument("[script]", "another script in the format of examples/demo.json")
    .option("--out <folder>", "the folder for the pictures", "out")
    .addOption(precisionOption())
    .addOption(fitOption())
    .addOption(previewOption())
    .addOption(deviceOption())
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((script: string | undefined, flags: Flags) =>
      context.run(flags.json ?? false, (output) => demo(script, flags, output)),
    );
}

async function demo(path: string | undefined, flags: Flags, output: Output): Promise<void> {
  const start = performance.now();
  const script = await readDemoScript(path ?? join(packageRoot(), "examples", "demo.json"));
  const picture = await readPicture(script.image);
  const steps = await readySteps(script.steps, { original: picture }, maskSources(script.folder, output));
  const model = await loadTold(script.model, { device: flags.device, precision: flags.precision }, output);
  try {
    const session = await openSession(model, picture);
    output.say(`${basename(script.image)}, ${picture.width}×${picture.height}, edited by ${model.id}`);
    output.say();
    await makeFolder(flags.out);
    const checks: Check[] = [];
    const outcome = await stoppable(output, (signal) =>
      runSteps(session, steps, {
        out: flags.out,
        output,
        signal,
        preview: flags.preview,
        onPicture: async (id, result) => {
          if (script.expect[id]) checks.push(await check(id, result, script.expect[id], script));
        },
      }),
    );
    output.say();
    for (const { id, file, psnr, passed } of checks) {
      const how = psnr === Number.POSITIVE_INFINITY ? "the same pixels as" : `${psnr.toFixed(1)} dB from`;
      output.say(`${passed ? "✓" : "✗"} ${id}: ${how} ${relative(process.cwd(), file)}`);
    }
    const seconds = (performance.now() - start) / 1000;
    output.say(`\nAll pictures on one sheet, after ${formatSeconds(seconds)} → ${outcome.strip}`);
    output.document({
      image: { path: script.image, width: picture.width, height: picture.height },
      model: modelFacts(model),
      steps: outcome.reports,
      strip: outcome.strip,
      checks,
      tolerance: script.tolerance,
      seconds,
      stopped: outcome.stopped,
      warnings: output.warnings,
    });
    if (outcome.stopped) throw new Unsuccessful("Stopped. What was finished is written.", EXIT.stopped);
    const failed = checks.filter((one) => !one.passed).map((one) => one.id);
    if (failed.length > 0) {
      throw new Unsuccessful(
        `Not as expected: ${failed.join(", ")} (below ${script.tolerance.psnr} dB from the expected picture).`,
        EXIT.failed,
      );
    }
  } finally {
    await model.dispose();
  }
}

interface Check {
  readonly id: string;
  /** The expected picture. */
  readonly file: string;
  /** In dB; Infinity (null in JSON) where every byte is the same. */
  readonly psnr: number;
  readonly passed: boolean;
}

async function check(id: string, picture: Picture, file: string, script: DemoScript): Promise<Check> {
  const { psnr } = compareInsideOutside(picture, await readPicture(file)).inside;
  return { id, file, psnr, passed: psnr >= script.tolerance.psnr };
}
