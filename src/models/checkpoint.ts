/** A checkpoint's configurations and headers, read and checked together before any network is made. */
import {
  type ClipTextConfig,
  checkPipeline,
  readClipTextConfig,
  readUNetConfig,
  readVaeConfig,
  type UNetConfig,
  type VaeConfig,
} from "../checkpoint/configs.ts";
import { type CheckpointSource, readJson } from "../checkpoint/source.ts";
import { dryPlacement } from "../checkpoint/storage.ts";
import { readTokenizer, type Tokenizer } from "../checkpoint/tokenizer.ts";
import { openWeights, type WeightTable } from "../checkpoint/weights.ts";
import { EmilieError } from "../errors.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "./autoencoder-kl.ts";
import { buildClipText } from "./clip-text.ts";
import { buildUNet } from "./unet.ts";

/** Everything that is read before the first network runs. */
export interface Checkpoint {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  readonly text: ClipTextConfig;
  readonly tokenizer: Tokenizer;
  readonly scheduler: Readonly<Record<string, unknown>>;
  readonly tables: Readonly<Record<"unet" | "vae" | "text", WeightTable>>;
}

/**
 * Reads configurations and headers of a checkpoint and checks that every tensor fits. Throws EmilieError with code
 * "checkpoint.*", naming the file, key or tensor.
 */
export async function readCheckpoint(source: CheckpointSource): Promise<Checkpoint> {
  await checkPipeline(source);
  const [unet, vae, text] = await Promise.all([
    readUNetConfig(source),
    readVaeConfig(source),
    readClipTextConfig(source),
  ]);
  checkTogether(source.id, unet, vae, text);
  const tokenizer = await readTokenizer(source, "tokenizer", text.max_position_embeddings);
  const scheduler = (await readJson(source, "scheduler/scheduler_config.json")) as Record<string, unknown>;
  const tables = {
    unet: await openWeights(source, "unet", "diffusion_pytorch_model"),
    vae: await openWeights(source, "vae", "diffusion_pytorch_model"),
    text: await openWeights(source, "text_encoder", "model"),
  };
  // Building the smallest graphs finds every missing, unknown and misshapen tensor before anything is computed.
  const side = 2 ** (unet.levels.length - 1);
  buildUNet(unet, dryPlacement(tables.unet), { height: side, width: side, tokens: tokenizer.length });
  buildEncoder(vae, dryPlacement(tables.vae), vaeFactor(vae), vaeFactor(vae));
  buildDecoder(vae, dryPlacement(tables.vae), 1, 1);
  buildClipText(text, dryPlacement(tables.text), tokenizer.length);
  return { unet, vae, text, tokenizer, scheduler, tables };
}

function checkTogether(id: string, unet: UNetConfig, vae: VaeConfig, text: ClipTextConfig): void {
  const latent = vae.latent_channels;
  if (unet.in_channels !== 2 * latent || unet.out_channels !== latent) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${id} cannot edit: unet/config.json has in_channels ${unet.in_channels} and out_channels ${unet.out_channels}, ` +
        `where an InstructPix2Pix UNet of a VAE with ${latent} latent channels has ${2 * latent} and ${latent}. ` +
        "A text-to-image checkpoint has no input for the picture; use an instruction checkpoint.",
    );
  }
  const wrong = unet.levels.find((level) => level.crossAttentionDim !== text.hidden_size);
  if (wrong) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${id}: unet/config.json has "cross_attention_dim" ${wrong.crossAttentionDim}, but the text encoder's ` +
        `"hidden_size" is ${text.hidden_size}.`,
    );
  }
}
