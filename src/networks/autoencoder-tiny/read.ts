/**
 * A tiny autoencoder's files: a folder as diffusers has it, one file with both halves, or the original program's two (taesd_encoder.safetensors and
 * taesd_decoder.safetensors), of which one is named and the other stands beside it.
 */
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { openWeights, type WeightFile, type WeightRef, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { inferTinyConfig, parseTinyConfig, type TinyConfig, tinyFactor } from "./config.ts";
import { buildTinyDecoder, buildTinyEncoder } from "./graph.ts";

/** A tiny autoencoder, read and checked, before anything is computed. */
export interface TinyAutoencoder {
  /** As the user named it. */
  readonly id: string;
  readonly source: CheckpointSource;
  readonly config: TinyConfig;
  readonly table: WeightTable;
}

/**
 * @param file a file's name in the source; absent: the source is a folder in the layout of diffusers
 * @throws EmilieError "checkpoint.*" naming the file, key or tensor
 */
export async function readTinyAutoencoder(source: CheckpointSource, file?: string): Promise<TinyAutoencoder> {
  return checked(source, file === undefined ? await readFolder(source, ".") : await readFiles(source, file));
}

/** The same of a folder of a checkpoint, whose own autoencoder it is. @throws EmilieError "checkpoint.*" naming the file, key or tensor */
export const readTinyFolder = async (source: CheckpointSource, folder: string): Promise<TinyAutoencoder> =>
  checked(source, await readFolder(source, folder));

/** config.json in `folder`. @throws EmilieError "checkpoint.*" naming the file, key or class */
export async function readTinyConfig(source: CheckpointSource, folder: string): Promise<TinyConfig> {
  const path = folder === "." ? "config.json" : `${folder}/config.json`;
  const config = (await readJson(source, path)) as { _class_name?: unknown };
  const name = config?._class_name ?? "AutoencoderTiny";
  if (name !== "AutoencoderTiny") {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id} is of the class ${JSON.stringify(name)}; expected AutoencoderTiny.`,
    );
  }
  return parseTinyConfig(config, path);
}

type Read = Pick<TinyAutoencoder, "config" | "table">;

function checked(source: CheckpointSource, read: Read): TinyAutoencoder {
  const tiny = { id: source.id, source, ...read };
  // The smallest graphs find every missing, unknown and misshapen tensor.
  const side = tinyFactor(tiny.config);
  buildTinyEncoder(tiny.config, dryPlacement(tiny.table), side, side);
  buildTinyDecoder(tiny.config, dryPlacement(tiny.table), 1, 1);
  return tiny;
}

/** Throws "checkpoint.unsupported" where it does not go with a checkpoint's latents. */
export function checkTinyFits(
  { id, config }: TinyAutoencoder,
  latents: { readonly channels: number; readonly factor: number },
): void {
  const factor = tinyFactor(config);
  if (config.latentChannels === latents.channels && factor === latents.factor) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `The autoencoder ${id} has latents of ${config.latentChannels} channels, ${factor} times smaller than the picture; the checkpoint's have ` +
      `${latents.channels} and are ${latents.factor} times smaller. Use one that was made for this family: TAESD for Stable Diffusion 1.x and 2.x, TAESDXL for SDXL.`,
  );
}

async function readFolder(source: CheckpointSource, folder: string): Promise<Read> {
  const config = await readTinyConfig(source, folder);
  return { config, table: await openWeights(source, folder, "diffusion_pytorch_model") };
}

const HALF = /(encoder|decoder)(?=[^/]*\.safetensors$)/i;

async function readFiles(source: CheckpointSource, file: string): Promise<Read> {
  const named = HALF.exec(file)?.[1];
  const other = named && file.replace(HALF, /^en/i.test(named) ? "decoder" : "encoder");
  const paths = other === undefined ? [file] : [file, other];
  const files: WeightFile[] = [];
  const tensors = new Map<string, WeightRef>();
  for (const path of paths) {
    if (!(await source.exists(path))) {
      throw new EmilieError(
        "checkpoint.missing",
        `${file} of ${source.id} is one half of an autoencoder; the other, ${path}, is not beside it.`,
      );
    }
    const header = await readSafetensorsHeader(source, path);
    files.push({ path, size: await source.size(path), header: header.bytes });
    const half = paths.length === 2 ? (/encoder/i.test(HALF.exec(path)![1]!) ? "encoder" : "decoder") : null;
    for (const [name, tensor] of header.tensors) tensors.set(nameOf(name, half), { ...tensor, file: path });
  }
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const config = inferTinyConfig(shapes, `${file} of ${source.id}`);
  return { config, table: { folder: "", origin: `of ${source.id}`, variant: undefined, files, tensors } };
}

/** diffusers' name of a tensor. The original's decoder begins with a layer without weights, which diffusers does not count. */
function nameOf(name: string, half: "encoder" | "decoder" | null): string {
  const [, at, rest] = /^(\d{1,4})\.(.+)$/.exec(name) ?? [];
  if (half === null || at === undefined) return name;
  return `${half}.layers.${Number(at) - (half === "decoder" ? 1 : 0)}.${rest}`;
}
