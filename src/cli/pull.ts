/** `emilie pull`: a model from the hub into the cache, from where --model finds it by its name. */
import type { Command } from "commander";
import { knownModel } from "../checkpoint/known-models.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { isEmilieError } from "../errors.ts";
import { machineNow } from "../models/fit.node.ts";
import { type PulledModel, pullModel } from "../models/hub/pull.node.ts";
import { requireRepoId } from "../models/hub/repo-id.ts";
import { planOfKnown } from "../models/offers.ts";
import type { Machine } from "../models/plan.ts";
import { type Context, stoppable } from "./context.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import { formatLarge, formatSeconds, type Output } from "./output.ts";

const HELP = `
Examples:
  $ emilie pull timbrooks/instruct-pix2pix
  $ emilie pull timbrooks/instruct-pix2pix --variant fp16
  $ emilie pull OWNER/NAME@refs/pr/1
  $ emilie pull openai/clip-vit-large-patch14     # for emilie bench --scorers
  $ emilie edit photo.jpg "make it winter" --model timbrooks/instruct-pix2pix

Only the files an editor needs are downloaded: configurations, tokenizer, and the weights of UNet, VAE and text encoder as
safetensors; never .bin or .ckpt, no safety checker. An interrupted download resumes where it stopped, and every
file is checked against its hash. On a CPU, full precision is as fast as fp16 and needs no converted copy; fp16 halves the
download.

Environment, as in the Python tools, which share the cache:
  HF_HOME, HF_HUB_CACHE   where models are kept (default ~/.cache/huggingface/hub)
  HF_TOKEN                for gated and private models; or the file that "hf auth login" writes
  HF_ENDPOINT             a mirror of the hub
  HF_HUB_OFFLINE=1        make no network requests, use the cache only`;

export function addPull(program: Command, context: Context): void {
  program
    .command("pull")
    .description("download a model from the Hugging Face hub")
    .argument(
      "<model>",
      "OWNER/NAME, or OWNER/NAME@REVISION for a branch, a tag, a pull request or a commit; :VARIANT at the end is the same as --variant",
    )
    .option("--variant <name>", "full, fp16, bf16, … (default: full precision, or half if there is no other)")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((model: string, flags: { variant?: string; json?: boolean }) =>
      context.run(flags.json ?? false, (output) => pull(model, flags.variant, output)),
    );
}

/** pullModel() with its plan, licence and progress on stderr. Stopped, it ends the verb as Ctrl-C does everywhere. */
export async function pullTold(
  model: string,
  variant: string | undefined,
  output: Output,
): Promise<PulledModel> {
  const machine = await machineNow(cacheFolder());
  const note = "Stopping. What has been downloaded is kept. Press Ctrl-C again to exit immediately.";
  const run = (signal: AbortSignal) =>
    pullModel(model, {
      variant,
      signal,
      onPlan: ({ files, bytes, bytesToFetch, folder, variants, license }) => {
        const rest =
          bytesToFetch < bytes ? `, ${formatLarge(bytesToFetch, "B")} of them not in the cache yet` : "";
        const which = [...new Set(Object.values(variants))].join(", ");
        output.note(`${model}: ${files} files (${which}), ${formatLarge(bytes, "B")}${rest} → ${folder}`);
        output.note(sayLicense(model, license));
        const need = sayNeeds(model, { ...machine, diskBytes: machine.diskBytes - bytesToFetch });
        if (need !== null) output.note(need);
      },
      onProgress: ({ bytes, totalBytes, bytesPerSecond, secondsLeft }) => {
        const size = `${formatLarge(bytes, "B")} of ${formatLarge(totalBytes, "B")}`;
        const speed = bytesPerSecond > 0 ? `, ${formatLarge(bytesPerSecond, "B")}/s` : "";
        const left = secondsLeft ? `, ${formatSeconds(secondsLeft)} left` : "";
        output.steadyLine(`${model}: ${size}${speed}${left}`, bytes, totalBytes);
      },
    });
  return stoppable(output, run, note).catch((error: unknown) => {
    if (isEmilieError(error) && error.code === "aborted") throw new Unsuccessful(error.message, EXIT.stopped);
    throw error;
  });
}

/** What the model's page says, and for those that this version knows, what it means. */
function sayLicense(model: string, license: string | null): string {
  const known = knownModel(requireRepoId(model.split(":")[0]!).repo)?.license;
  if (known) return `Licence: ${known.name}. ${known.says}`;
  if (license !== null) return `Licence, as its page says: ${license}`;
  return "Licence: its page names none; look there before you use its pictures.";
}

/** What a model that this version knows will need here once it is downloaded, by precision, and which of them is for this machine; null for others. */
function sayNeeds(model: string, machine: Machine): string | null {
  const known = knownModel(requireRepoId(model.split(":")[0]!).repo);
  if (!known) return null;
  const { precisions, takes, width } = planOfKnown(known, machine);
  const needs = precisions.map(({ precision, memoryBytes, derivedBytes }) => {
    const disk = derivedBytes > 0 ? ` and once ${formatLarge(derivedBytes, "B")} of disk` : "";
    return `in ${precision} ${formatLarge(memoryBytes, "B")} of memory${disk}`;
  });
  const free = `${formatLarge(machine.memoryBytes, "B")} of memory are free, and ${formatLarge(Math.max(0, machine.diskBytes), "B")} of disk after the download`;
  const which = takes === null ? "none of them fits" : `the most exact that fits is ${takes}`;
  return `Then an edit of ${width} px takes ${needs.join("; ")}. Here ${free}: ${which}.`;
}

async function pull(model: string, variant: string | undefined, output: Output): Promise<void> {
  const start = performance.now();
  const pulled = await pullTold(model, variant, output);
  const seconds = (performance.now() - start) / 1000;
  output.document({ ...pulled, seconds, warnings: output.warnings });
  const how =
    pulled.downloadedBytes === 0
      ? "all of it was there already"
      : `${formatLarge(pulled.downloadedBytes, "B")} downloaded in ${formatSeconds(seconds)}`;
  output.say(`${pulled.id}: ${pulled.files.length} files, ${formatLarge(pulled.bytes, "B")}; ${how}`);
  output.say(`  ${pulled.folder}`);
  const isScorer = !pulled.files.includes("model_index.json");
  const use = isScorer ? "bench --scorers" : 'edit PICTURE "make it winter" --model';
  output.say(`\nNow: emilie ${use} ${pulled.id}`);
}
