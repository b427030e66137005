/** `emilie models`: what is on disk and what each can do; `emilie models rm` deletes. */
import { basename } from "node:path";
import type { Command } from "commander";
import { UNSTATED } from "../checkpoint/abilities.ts";
import { type CachedFile, clearSideFiles, listSideFiles } from "../checkpoint/side-list.node.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { EmilieError } from "../errors.ts";
import { machineNow, madeOf } from "../models/fit.node.ts";
import { clearUnfinished, listCache, removeRepo } from "../models/hub/cache.node.ts";
import { MAIN, parseRepoId } from "../models/hub/repo-id.ts";
import { hubCache } from "../models/hub/settings.node.ts";
import { listModels } from "../models/list.node.ts";
import { SHIPPED } from "../models/load.node.ts";
import { measureProduct } from "../models/speed.node.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { offersFor, sayOffers, secondsByPrecision } from "./offers.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayPlans } from "./plans.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie models
  $ emilie models --json
  $ emilie models rm timbrooks/instruct-pix2pix --yes
  $ emilie models clear

Below the models on disk: what each needs on this machine, and the models that can be pulled, with size and licence. Times are estimated
from each model's operation count and one short matrix product. Nothing is downloaded.

Models come from "emilie pull" or from the Python tools: they share one cache, so a model deleted here is deleted for
them too. Only image models in the diffusers layout are listed. Below them: the files that emilie has generated from models, fp32 copies
of half-precision weights and weights in other precisions; "clear" deletes them, and they are generated again when needed.`;

export function addModels(program: Command, context: Context): void {
  const models = program
    .command("models")
    .description(
      "list the models on disk and those that can be pulled: size, licence, memory, speed, and what each can do",
    )
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((flags: { json?: boolean }) => context.run(flags.json ?? false, show));
  models
    .command("rm")
    .description("delete a downloaded model with all its revisions")
    .argument("<model>", "OWNER/NAME")
    .option("--yes", "confirm the deletion; without it, emilie only prints what would be deleted")
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((model: string, _, command: Command) => {
      // "models" knows --json too, and takes it wherever it stands.
      const flags = command.optsWithGlobals<{ yes?: boolean; json?: boolean }>();
      return context.run(flags.json ?? false, (output) => remove(model, flags.yes ?? false, output));
    });
  models
    .command("clear")
    .description("delete cached files generated from models: fp32 copies, weights in other precisions")
    .option("--downloads", "delete unfinished downloads as well, which the next pull would resume")
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((_, command: Command) => {
      const { json = false, downloads = false } = command.optsWithGlobals<{
        json?: boolean;
        downloads?: boolean;
      }>();
      return context.run(json, (output) => clear(downloads, output));
    });
}

async function clear(downloads: boolean, output: Output): Promise<void> {
  const folder = cacheFolder();
  const deleted = await clearSideFiles(folder);
  const bytes = deleted.reduce((sum, file) => sum + file.bytes, 0);
  const unfinished = downloads ? await clearUnfinished(hubCache()) : 0;
  const kept = (await listSideFiles(folder)).map(({ file }) => file);
  const files = deleted.map(({ file }) => file);
  output.document({ deleted: files, folder, bytes, inUse: kept, unfinishedBytes: unfinished });
  output.say(
    `Deleted ${deleted.length} files of converted weights from ${folder} (${formatLarge(bytes, "B")}).`,
  );
  for (const file of kept) output.say(`A process is using ${file}; it was not deleted.`);
  if (downloads) output.say(`Deleted ${formatLarge(unfinished, "B")} of unfinished downloads.`);
}

/** What was made of a model, whole or not: {"int8": 1071000000}. */
const wholeOrNot = ({ kind, state }: CachedFile) => (state === "whole" ? kind : `${kind} (unfinished)`);

const called = (kind: string) => (kind.startsWith("f32") ? kind.replace("f32", "fp32 copy") : kind);

const STATES = { whole: "", stopped: ", unfinished", used: ", in use" };

async function show(output: Output): Promise<void> {
  const list = await listModels();
  const converted = { folder: cacheFolder(), files: await listSideFiles(cacheFolder()) };
  const flopsPerSecond = await measureProduct();
  const models = list.models.map((model) => ({
    ...model,
    made: madeOf(model.id, converted.files, wholeOrNot),
    seconds:
      model.plan && model.edit && flopsPerSecond !== null
        ? secondsByPrecision(model.edit, model.plan, flopsPerSecond)
        : null,
  }));
  const here = models.map(({ id }) => id);
  const offered = offersFor(here, await machineNow(cacheFolder()), flopsPerSecond);
  output.document({ ...list, models, offers: offered, flopsPerSecond, converted });
  sayTable(
    output,
    [
      ["model", "type", "pictures", "on disk", "generated from it"],
      ...models.map((model) => [
        model.id,
        model.family ?? "cannot be used",
        model.nativeSize === null ? "" : `${model.nativeSize} px`,
        formatLarge(model.bytes, "B"),
        Object.entries(model.made)
          .map(([kind, bytes]) => `${called(kind)} ${formatLarge(bytes, "B")}`)
          .join(", "),
      ]),
    ],
    [0, 1],
  );
  output.say();
  for (const { id, abilities, problem } of list.models)
    if (problem === null) output.say(`  ${id}: ${abilities?.summary ?? UNSTATED}`);
  for (const { id, problem } of list.models) if (problem !== null) output.say(`\n${id}: ${problem}`);
  sayPlans(models, output);
  sayOffers(offered, output);
  const { folder, bytes, others } = list.cache;
  output.say(
    `\nCache: ${folder}, ${formatLarge(bytes, "B")}${others > 0 ? `, with ${others} other repositories` : ""}`,
  );
  for (const one of list.cache.unfinished) {
    output.say(`  ${formatLarge(one.bytes, "B")} of ${one.repo} in downloads that were not finished`);
  }
  const made = converted.files.reduce((sum, file) => sum + file.bytes, 0);
  output.say(`Generated from models: ${converted.folder}, ${formatLarge(made, "B")}`);
  for (const { file, model, kind, bytes, state } of converted.files) {
    const of = model === null ? "" : ` of ${model}`;
    output.say(
      `  ${formatLarge(bytes, "B")}  ${basename(file).split("-")[0]}${of}, ${called(kind)}${STATES[state]}`,
    );
  }
}

async function remove(model: string, yes: boolean, output: Output): Promise<void> {
  if (SHIPPED.includes(model)) throw new UsageError(`${model} ships with emilie and cannot be deleted.`);
  const id = parseRepoId(model);
  if (!id || id.revision !== MAIN) {
    throw new UsageError(
      `A downloaded model is named OWNER/NAME, without a revision: its revisions share their files. Got ${model}.`,
    );
  }
  const cache = hubCache();
  const found = (await listCache(cache)).find(({ repo }) => repo === id.repo);
  if (!found) {
    throw new EmilieError(
      "checkpoint.missing",
      `${id.repo} is not in the cache (${cache}); nothing was deleted.`,
    );
  }
  const what = `${found.folder} (${formatLarge(found.bytes, "B")}, ${found.revisions.length} revisions)`;
  if (!yes) throw new UsageError(`This would delete ${what}, for the Python tools too. Add --yes to do it.`);
  await removeRepo(cache, id.repo);
  output.document({ deleted: id.repo, folder: found.folder, bytes: found.bytes });
  output.say(`Deleted ${what}.`);
}
