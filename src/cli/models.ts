/** `emilie models`: what is on disk and what each can do; `emilie models rm` deletes. */
import type { Command } from "commander";
import { listCache, removeRepo } from "../checkpoint/hub/cache.node.ts";
import { MAIN, parseRepoId } from "../checkpoint/hub/repo-id.ts";
import { hubCache } from "../checkpoint/hub/settings.node.ts";
import { EmilieError } from "../errors.ts";
import { listModels } from "../models/list.node.ts";
import { SHIPPED } from "../models/load.node.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie models
  $ emilie models --json
  $ emilie models rm timbrooks/instruct-pix2pix --yes

Models come from "emilie pull" or from the Python tools: the cache is theirs as well, so what is deleted here is gone for
them too. Only image models in the layout of diffusers are listed.`;

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
