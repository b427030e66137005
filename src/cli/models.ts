/** `emilie models`: what is on disk and what each can do; `emilie models rm` deletes. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { listCache, removeRepo, snapshotFiles } from "../checkpoint/hub/cache.node.ts";
import { MAIN, parseRepoId } from "../checkpoint/hub/repo-id.ts";
import { hubCache } from "../checkpoint/hub/settings.node.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import { EmilieError, isEmilieError } from "../errors.ts";
import { readCheckpoint } from "../models/checkpoint.ts";
import { familyName, trainedSize } from "../models/describe.ts";
import { SHIPPED, shippedFolder } from "../models/load.node.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { imageModels, revisionName } from "./model-names.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie models
  $ emilie models --json
  $ emilie models rm timbrooks/instruct-pix2pix --yes

Models come from "emilie pull" or from the Python tools: the cache is theirs as well, so what is deleted here is gone for
them too. Only image models in the layout of diffusers are listed.`;

export interface ModelFacts {
  /** What --model takes. */
  readonly id: string;
  readonly from: "package" | "cache";
  readonly folder: string;
  readonly commit: string | null;
  /** Of the files that an editor needs. */
  readonly bytes: number;
  /** Null where the model cannot be used; then `problem` says why. */
  readonly family: string | null;
  /** The longer side of pictures it was trained on, in pixels. */
  readonly nativeSize: number | null;
  /** What it edits, in words. */
  readonly edits: string | null;
  readonly problem: string | null;
}

export interface ModelList {
  readonly models: readonly ModelFacts[];
  readonly cache: {
    readonly folder: string;
    readonly bytes: number;
    /** Repositories that are no image models. */
    readonly others: number;
  };
}

export function addModels(program: Command, context: Context): void {
  const models = program
    .command("models")
    .description("show the models on disk: sizes, and what each can do")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((flags: { json?: boolean }) => context.run(flags.json ?? false, show));
  models
    .command("rm")
    .description("delete a downloaded model, all its revisions")
    .argument("<model>", "OWNER/NAME")
    .option("--yes", "really delete; without it, only what would be deleted is said")
    .option("--json", "print one JSON document on stdout and nothing else")
    .action((model: string, _, command: Command) => {
      // "models" knows --json too, and takes it wherever it stands.
      const flags = command.optsWithGlobals<{ yes?: boolean; json?: boolean }>();
      return context.run(flags.json ?? false, (output) => remove(model, flags.yes ?? false, output));
    });
}

/** Everything that --model can name. Reads configurations and headers, no weights. */
export async function listModels(cache = hubCache()): Promise<ModelList> {
  const models: ModelFacts[] = [];
  for (const name of SHIPPED) models.push(await describeModel(name, "package", shippedFolder(name), null));
  const repos = await listCache(cache);
  let others = 0;
  for (const repo of repos) {
    const editors = imageModels(repo);
    if (editors.length === 0) others++;
    for (const revision of editors) {
      models.push(
        await describeModel(revisionName(repo, revision), "cache", revision.folder, revision.commit),
      );
    }
  }
  const bytes = repos.reduce((sum, repo) => sum + repo.bytes, 0);
  return { models, cache: { folder: cache, bytes, others } };
}

async function describeModel(
  id: string,
  from: ModelFacts["from"],
  folder: string,
  commit: string | null,
): Promise<ModelFacts> {
  const base = { id, from, folder, commit };
  const unusable = { family: null, nativeSize: null, edits: null };
  try {
    const { small, weights } = snapshotFiles(folder, id);
    const sizes = await Promise.all([...small, ...weights].map((path) => stat(join(folder, path))));
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    try {
      const source = folderSource(folder, id);
      const checkpoint = await readCheckpoint(source);
      const nativeSize = trainedSize(checkpoint);
      const edits = checkpoint.own.about ?? "pictures of the kind it was trained on, by instructions";
      return { ...base, bytes, family: familyName(checkpoint), nativeSize, edits, problem: null };
    } catch (error) {
      return { ...base, ...unusable, bytes, problem: reason(error) };
    }
  } catch (error) {
    return { ...base, ...unusable, bytes: 0, problem: reason(error) };
  }
}

function reason(error: unknown): string {
  if (isEmilieError(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}

async function show(output: Output): Promise<void> {
  const list = await listModels();
  output.document(list);
  sayTable(
    output,
    [
      ["model", "what it is", "pictures", "on disk"],
      ...list.models.map((model) => [
        model.id,
        model.family ?? "cannot be used",
        model.nativeSize === null ? "" : `${model.nativeSize} px`,
        formatLarge(model.bytes, "B"),
      ]),
    ],
    [0, 1],
  );
  output.say();
  for (const { id, edits } of list.models) if (edits !== null) output.say(`  ${id} edits ${edits}`);
  for (const { id, problem } of list.models) if (problem !== null) output.say(`\n${id}: ${problem}`);
  const { folder, bytes, others } = list.cache;
  output.say(
    `\nCache: ${folder}, ${formatLarge(bytes, "B")}${others > 0 ? `, with ${others} other repositories` : ""}`,
  );
}

async function remove(model: string, yes: boolean, output: Output): Promise<void> {
  if (SHIPPED.includes(model)) throw new UsageError(`${model} comes with emilie and stays.`);
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
