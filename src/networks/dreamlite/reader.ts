/**
 * Qwen3-VL reads an instruction together with the picture that is edited. A session has the picture as a latent: it is decoded for the encoder, without rounding, and what the
 * vision tower makes of it is kept, so that every latent is looked at once, however many instructions and terms of guidance there are.
 */
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { type Tensor, tensor } from "../../tensor/tensor.ts";
import { Recent } from "../../util/recent.ts";
import { sha256 } from "../../util/sha256.ts";
import { Turns } from "../../util/turns.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { checkPrompt, encodePrompt, seePicture, type VisionFeatures } from "../qwen3-vl/encoder.ts";
import { editSentence } from "../qwen3-vl/prompts.ts";
import type { Qwen3Vl } from "../qwen3-vl/read.ts";
import type { Weights } from "./networks.ts";

/** Pictures kept: 4 × 256 × 2048 floats are eight megabytes. */
const MOST_PICTURES = 8;
/** Pixels of a picture that is kept for the next edit: 12 megabytes as floats. Larger ones are decoded again. */
const MOST_PIXELS = 1024 ** 2;
/** Encodings kept: 304 × 2048 floats are two and a half megabytes. */
const MOST_TEXTS = 32;

/** How the networks are run for a call. */
export interface Runs {
  readonly vision: RunGraph;
  readonly text: RunGraph;
  /** D(c): [channels, h, w] → [3, height, width], about [-1, 1] */
  decode(c: Tensor): Promise<Tensor>;
}

/** An instruction as a prompt; what guidance compares it with, "", has no sentence about it. */
export const promptOf = (text: string): string => (text === "" ? "" : editSentence(text));

function contentOf({ data, shape }: Tensor): Promise<string> {
  return sha256([`${shape}:`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

export class Reader {
  readonly #qwen: Qwen3Vl;
  readonly #source: CheckpointSource;
  readonly #weights: Weights;
  readonly #pictures = new Recent<string, VisionFeatures>(MOST_PICTURES);
  readonly #texts = new Recent<string, Tensor>(MOST_TEXTS);
  // Texts of an edit are asked for together, and are not to look at its picture twice.
  readonly #turns = new Turns();
  /** What was decoded last, by its latent's content: a result is shown before the next edit begins with it. */
  #decoded: { readonly key: string; readonly picture: Tensor } | null = null;
  /** How many texts were encoded, and pictures seen. */
  readonly calls = { texts: 0, pictures: 0 };

  constructor(qwen: Qwen3Vl, source: CheckpointSource, weights: Weights) {
    this.#qwen = qwen;
    this.#source = source;
    this.#weights = weights;
  }

  /** @throws EmilieError "option.invalid" for a text that cannot be encoded, before the picture is looked at */
  async read(text: string, c: Tensor, runs: Runs): Promise<Tensor> {
    const prompt = promptOf(text);
    checkPrompt(this.#qwen, prompt);
    const picture = await contentOf(c);
    return this.#turns.take("read", async () => {
      const key = `${picture} ${prompt}`;
      const known = this.#texts.get(key);
      if (known) return known;
      const features = this.#pictures.get(picture) ?? (await this.#see(picture, c, runs));
      const { hidden } = await encodePrompt(
        this.#qwen,
        this.#source,
        this.#weights.text,
        prompt,
        features,
        runs.text,
      );
      this.calls.texts++;
      this.#texts.set(key, hidden);
      return hidden;
    });
  }

  async #see(key: string, c: Tensor, runs: Runs): Promise<VisionFeatures> {
    const picture = this.#decoded?.key === key ? this.#decoded.picture : await runs.decode(c);
    const features = await seePicture(this.#qwen, this.#weights.vision, picture, runs.vision);
    this.calls.pictures++;
    this.#pictures.set(key, features);
    return features;
  }

  /** Is told what was decoded, D(c): [3, height, width] */
  async keep(c: Tensor, { data, shape }: Tensor): Promise<void> {
    const [, height = 0, width = 0] = shape;
    if (height * width > MOST_PIXELS) return;
    // The caller may change what it was given.
    const picture = tensor(data.slice(), shape);
    this.#decoded = { key: await contentOf(c), picture };
  }

  clear(): void {
    this.#decoded = null;
    this.#pictures.clear();
    this.#texts.clear();
  }
}
