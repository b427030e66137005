/** `emilie inspect`: what a checkpoint is, and what it costs per picture size, from its headers alone. */
import type { Command } from "commander";
import { abilitiesOf } from "../checkpoint/abilities.ts";
import { checkWeights } from "../checkpoint/finite.ts";
import { listSideFiles } from "../checkpoint/side-list.node.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import type { WeightTable } from "../checkpoint/weights.ts";
import { costsOf, type PresetCosts } from "../method/costs.ts";
import type { Abilities, FewSteps } from "../method/edit-model.ts";
import { type PresetSettings, presetsOf } from "../method/presets.ts";
import { SETTINGS } from "../method/settings.ts";
import { decidedByPreset } from "../method/settings-derived.ts";
import { architectureOf } from "../models/architectures.ts";
import { machineNow, madeOf } from "../models/fit.node.ts";
import {
  checkpointFolder,
  nameVariant,
  openCheckpoint,
  openLora,
  parseModelName,
} from "../models/open.node.ts";
import { operationsOf } from "../models/operations.ts";
import { planModel } from "../models/plan.ts";
import type { CheckpointFacts } from "../networks/architecture.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Context } from "./context.ts";
import { tokenizerOption, variantOption } from "./model-options.ts";
import * as values from "./options.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayPlans } from "./plans.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie inspect picturebook
  $ emilie inspect timbrooks/instruct-pix2pix --json
  $ emilie inspect path/to/checkpoint
  $ emilie inspect path/to/checkpoint --size 768 --size 1024x683
  $ emilie inspect instruct-pix2pix.safetensors --weights

Only headers and configurations are read, so this is fast even for a checkpoint of many gigabytes; --weights reads all of it.`;

type PictureSize = readonly [width: number, height: number];

interface Flags {
  readonly json?: boolean;
  readonly size?: readonly PictureSize[];
  readonly tokenizer?: string;
  readonly variant?: string;
  readonly weights?: boolean;
}

export function addInspect(program: Command, context: Context): void {
  program
    .command("inspect")
    .description("show the type of a checkpoint and its cost per picture size, without running it")
    .argument(
      "<checkpoint>",
      "a checkpoint that ships with emilie, a pulled OWNER/NAME, a folder, or a .safetensors file",
    )
    .addOption(variantOption())
    .addOption(tokenizerOption())
    .option(
      "--size <size>",
      "a picture size to show the costs for, in pixels, as 768 or 1024x683; repeatable (default: half, one and two times the native size)",
      (text: string, before: readonly PictureSize[] = []) => [...before, values.pictureSize(text)],
    )
    .option("--weights", "also read every weight, and check that all are finite numbers")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((checkpoint: string, flags: Flags) =>
      context.run(flags.json ?? false, (output) => inspect(checkpoint, flags, output)),
    );
}

async function inspect(name: string, flags: Flags, output: Output): Promise<void> {
  const { base: given, loras } = parseModelName(name);
  const base = nameVariant(given, flags.variant);
  const folder = checkpointFolder(base);
  const source = openCheckpoint(base, flags);
  const checkpoint = await (await architectureOf(source)).describe(source);
  const { merged: touched, notes, fewSteps } = await checkpoint.loras(loras.map(openLora));
  const abilities = abilitiesOf(name, checkpoint.own) ?? null;
  const cache = cacheFolder();
  const plan = planModel(checkpoint, await machineNow(cache), {
    size: flags.size?.[0],
    made: madeOf(name, await listSideFiles(cache)),
    edit: await operationsOf(checkpoint),
  });
  const facts = {
    ...describeCheckpoint(checkpoint, fewSteps, flags.size),
    abilities,
    plan,
    loras: loras.length,
    merged: touched,
  };
  if (flags.weights) await checkAll(source, checkpoint, output);
  output.document({ id: name, folder, ...facts, finite: flags.weights ? true : null });

  output.say(`${name}: ${facts.family}`);
  output.say(`  ${folder}`);
  output.say(
    `  ${facts.prediction} prediction, ${facts.steps} steps of ${facts.sampler} by default, trained at about ${facts.nativeSize} px`,
  );
  output.say();
  const decided = Object.keys(decidedByPreset(facts.presets[0]!)) as (keyof PresetSettings)[];
  sayTable(output, [
    ["preset", ...decided.map((name) => SETTINGS[name].title), "UNet calls"],
    ...facts.presets.map((one) => [
      one.preset === "balanced" ? "balanced (the default)" : one.preset,
      ...decided.map((name) => [one[name]].flat().join(" to ")),
      String(one.calls),
    ]),
  ]);
  output.say();
  output.say(
    `  pictures ${facts.factor} times as large as their latents (${facts.latentChannels} channels, scaling factor ${facts.scalingFactor})`,
  );
  sayAbilities(facts.abilities, output);
  for (const note of [...facts.notes, ...notes]) output.say(`  ${note}`);
  if (loras.length > 0) output.say(`  LoRA: ${touched} weights are merged when it is loaded.`);
  if (flags.weights) output.say("  All weights are finite numbers.");
  output.say();
  sayTable(output, [
    ["network", "parameters", "stored as", "in the file", "in memory"],
    ...facts.networks.map((n) => [
      n.name,
      formatLarge(n.parameters),
      n.types.join(", "),
      formatLarge(n.storedBytes, "B"),
      formatLarge(4 * n.parameters, "B"),
    ]),
  ]);
  output.say();
  sayTable(output, [
    ["picture", "UNet call", "encode", "decode", "one edit", "working memory"],
    ...facts.sizes.map((s) => [
      s.width === s.height ? `${s.size} px` : `${s.width} × ${s.height} px`,
      formatLarge(s.flops.unet, "FLOP"),
      formatLarge(s.flops.encode, "FLOP"),
      formatLarge(s.flops.decode, "FLOP"),
      formatLarge(s.flops.edit, "FLOP"),
      formatLarge(s.workingBytes, "B"),
    ]),
  ]);
  output.say(
    `\nOne edit: the ${facts.calls} UNet calls of an edit with default settings, and one decoding. Working memory: the largest sum of`,
  );
  output.say("intermediate results, in addition to the weights, which are read directly from their files.");
  sayPlans([{ id: name, plan }], output);
}

/** What it can do, where it says so. */
function sayAbilities(abilities: Abilities | null, output: Output): void {
  if (!abilities) return;
  for (const line of [abilities.summary, abilities.limits]) if (line !== "") output.say(`  ${line}`);
  for (const { title, instructions } of abilities.suggestions)
    output.say(`  ${title}: ${instructions.join(", ")}`);
  for (const { what, rate, n } of abilities.success)
    output.say(`  Success: ${(100 * rate).toFixed(1)} % of ${n} ${what}`);
}

/** Throws where a weight is no number, naming it. */
async function checkAll(
  source: CheckpointSource,
  { networks }: CheckpointFacts,
  output: Output,
): Promise<void> {
  const all = networks.map(({ table }) => table);
  const start = performance.now();
  for (const [i, table] of all.entries()) {
    output.progress(
      `reading the weights of ${table.folder}`,
      i,
      all.length,
      (performance.now() - start) / 1000,
    );
    await checkWeights(source, table);
  }
}

function describeCheckpoint(
  checkpoint: CheckpointFacts,
  fewSteps: FewSteps | null,
  given?: readonly PictureSize[],
) {
  const { family, conditionIsScaled, nativeSize, factor, latentChannels, scalingFactor, tokens } = checkpoint;
  const { schedulerConfig, own, notes, embedsGuidance } = checkpoint;
  const model = { defaults: own.defaults, schedulerConfig, fewSteps: fewSteps ?? undefined, embedsGuidance };
  const presets = presetsOf(model).map((preset) => costsOf(model, preset));
  const { preset: _, ...balanced } = presets.find(({ preset }) => preset === "balanced") as PresetCosts;
  const wanted = given ?? [nativeSize / 2, nativeSize, 2 * nativeSize].map((side) => [side, side] as const);
  const whole = (side: number) => Math.ceil(side / factor) * factor;
  const sizes = wanted.map(([width, height]) => [whole(width), whole(height)] as const);
  return {
    family,
    conditionIsScaled,
    prediction: checkpoint.predictionType,
    ...balanced,
    presets,
    nativeSize,
    factor,
    latentChannels,
    scalingFactor,
    tokens,
    networks: checkpoint.networks.map(({ name, table }) => network(name, table)),
    notes,
    sizes: sizes.map((size) => costs(checkpoint, size, balanced.calls)),
  };
}

/** Operations and memory of a picture. */
function costs(checkpoint: CheckpointFacts, [width, height]: PictureSize, calls: number) {
  const { denoise, encode, decode, workingBytes } = checkpoint.costs(width, height);
  return {
    /** The longer side. */
    size: Math.max(width, height),
    width,
    height,
    flops: { unet: denoise, encode, decode, edit: calls * denoise + decode },
    workingBytes,
  };
}

function network(name: string, { tensors, files, variant }: WeightTable) {
  const all = [...tensors.values()];
  return {
    name,
    parameters: all.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    types: [...new Set(all.map(({ type }) => type))].sort(),
    storedBytes: all.reduce((sum, { length }) => sum + length, 0),
    files: files.map(({ path }) => path),
    variant: variant ?? null,
  };
}
