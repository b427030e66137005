/** A checkpoint's configurations and headers, from a folder in the layout of diffusers. A single file gives the same (single-file.ts). */
import { type EmilieDefaults, readDefaults } from "../../checkpoint/defaults.ts";
import { scaledTable } from "../../checkpoint/scaled.ts";
import { readSchedulerConfig, type SchedulerConfig } from "../../checkpoint/scheduler-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { requireOffered } from "../../checkpoint/variants.ts";
import { openWeights, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { flux2Channels, parseFlux2VaeConfig } from "../autoencoder-kl-flux2/config.ts";
import { type Flux2Vae, readFlux2Vae } from "../autoencoder-kl-flux2/read.ts";
import { parseQwen3Config } from "../qwen3/config.ts";
import { KLEIN_TEXT, type Qwen3, readQwen3 } from "../qwen3/read.ts";
import { readChatTokenizer } from "../qwen3/tokenizer.ts";
import { readPipeline } from "./pipeline.ts";
import { buildTransformer } from "./transformer.ts";
import { type Flux2TransformerConfig, readTransformerConfig } from "./transformer-config.ts";

/** Everything that is read before the first network runs. */
export interface Layout {
  readonly transformer: { readonly config: Flux2TransformerConfig; readonly table: WeightTable };
  readonly vae: Flux2Vae;
  readonly text: Qwen3;
  /** scheduler_config.json */
  readonly scheduler: SchedulerConfig;
  /** Whether it needs no guidance, and few steps. */
  readonly distilled: boolean;
  readonly own: EmilieDefaults;
  /** Where each network's weights are: in one folder, or about a single file. */
  readonly sources: Readonly<Record<"transformer" | "vae" | "text", CheckpointSource>>;
  /** What was taken for granted or passed over, in words. */
  readonly notes: readonly string[];
}

/** What a folder's small files say, before there are weights. @throws EmilieError "checkpoint.*" where it is nothing that can be used */
export async function readSmallFiles(source: CheckpointSource): Promise<void> {
  await readPipeline(source);
  await readTransformerConfig(source);
  await readJsonOf(source, "vae/config.json", parseFlux2VaeConfig);
  const { tokens } = KLEIN_TEXT;
  const text = await readJsonOf(source, "text_encoder/config.json", (json, path) =>
    parseQwen3Config(json, path, tokens),
  );
  await readChatTokenizer(source, "tokenizer", text.vocab_size, tokens);
  await readSchedulerConfig(source);
  await readDefaults(source);
}

async function readJsonOf<T>(
  source: CheckpointSource,
  path: string,
  parse: (json: unknown, path: string) => T,
): Promise<T> {
  return parse(await readJson(source, path), path);
}

/** @throws EmilieError "checkpoint.*" naming the file, key or tensor */
export async function readFolder(source: CheckpointSource): Promise<Layout> {
  const { distilled } = await readPipeline(source);
  const config = await readTransformerConfig(source);
  const [text, vae] = [await readQwen3(source), await readFlux2Vae(source)];
  const table = scaledTable(await openWeights(source, "transformer", "diffusion_pytorch_model"));
  const tables = [table, vae.table, text.table];
  requireOffered(source.id, source.variant, new Set(tables.flatMap(({ variant }) => variant ?? [])));
  const layout: Layout = {
    transformer: { config, table },
    ...{ vae, text, distilled },
    scheduler: await readSchedulerConfig(source),
    own: await readDefaults(source),
    sources: { transformer: source, vae: source, text: source },
    notes: [],
  };
  return checked(source.id, layout);
}

/** Checks that the parts belong together, and every tensor of the transformer. */
export function checked(id: string, layout: Layout): Layout {
  const { transformer, vae, text, own } = layout;
  const { config, table } = transformer;
  const refuse = (code: "checkpoint.malformed" | "checkpoint.unsupported", what: string) =>
    new EmilieError(code, `${id}: ${what}.`);
  const [channels, width] = [flux2Channels(vae.config), text.layers.length * text.config.hidden_size];
  if (channels !== config.in_channels) {
    throw refuse(
      "checkpoint.malformed",
      `the transformer takes ${config.in_channels} channels ("in_channels"), and the autoencoder's patches have ${channels}: they are not of the same model`,
    );
  }
  if (width !== config.joint_attention_dim) {
    throw refuse(
      "checkpoint.malformed",
      `the transformer reads texts of width ${config.joint_attention_dim} ("joint_attention_dim"), and ${text.layers.length} layers of the text encoder have ` +
        `${width}: they are not of the same model`,
    );
  }
  if (own.understanding) {
    throw refuse(
      "checkpoint.unsupported",
      'emilie.json: "understanding" is for checkpoints with a CLIP text encoder',
    );
  }
  // The smallest graph finds every missing, unknown and misshapen tensor before anything is computed.
  buildTransformer(config, dryPlacement(table), { pictures: [{ height: 1, width: 1 }], tokens: 1 });
  return layout;
}
