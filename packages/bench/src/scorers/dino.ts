/**
 * DINO (arXiv 2104.14294) and DINOv2 (arXiv 2304.07193), a ViTModel or Dinov2Model of transformers. Cosines of class tokens:
 * - "dino.image": picture and true picture (DINO-I as in MagicBrush, arXiv 2306.10012); only where there is a true picture.
 * - "dino.image.original": picture and original, which says how much was kept, not whether the edit was right.
 */
import {
  buildDino,
  type Picture,
  type PreprocessorDefaults,
  parseDinoConfig,
  readJson,
  readPreprocessor,
  type Tensor,
} from "../library.ts";
import type { ScoredTurn, Scorer } from "../types.ts";
import {
  checkSize,
  openScorerWeights,
  ScorerCheckpoint,
  type ScorerNetwork,
  type ScorerParts,
  scorerHash,
} from "./checkpoint.ts";
import { preprocess } from "./preprocess.ts";
import { cosine, Memory } from "./vectors.ts";

/** Raised when what is computed changes. */
const REVISION = 1;

const PREPROCESSING: Readonly<Record<1 | 2, PreprocessorDefaults>> = {
  1: { shorter: false, size: 224, crop: null, filter: 2, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  2: {
    shorter: true,
    size: 256,
    crop: 224,
    filter: 3,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
};

export interface DinoScorer extends Scorer {
  /** [1, 3, height, width] */
  preprocess(picture: Picture): Tensor;
  /** [1, width], not of unit length. */
  embedPicture(picture: Picture, signal?: AbortSignal): Promise<Tensor>;
}

/** Opens a DINO of any size. Throws EmilieError with code "checkpoint.*". */
export async function openDino(parts: ScorerParts): Promise<DinoScorer> {
  const { source } = parts;
  const config = parseDinoConfig(await readJson(source, "config.json"));
  const preprocessor = await readPreprocessor(source, PREPROCESSING[config.version]);
  // DINOv2 is shown smaller pictures than it was trained on; its positions are resized.
  if (config.version === 1) checkSize(source.id, preprocessor, config.image_size);
  const { height, width } = preprocessor.size;
  const table = await openScorerWeights(source, "dino");
  const network: ScorerNetwork = {
    name: "vision",
    what: "The vision transformer",
    build: (weights) => buildDino(config, weights, height, width),
  };
  const checkpoint = await ScorerCheckpoint.open(parts, table, [network]);
  const pictures = new Memory<Picture>();
  const embedPicture = (picture: Picture, signal?: AbortSignal) =>
    pictures.get(picture, async () => {
      const feeds = { image: preprocess(picture, preprocessor) };
      return (await checkpoint.run(network, feeds, signal)).embedding!;
    });

  return {
    name: "dino",
    model: source.id,
    hash: await scorerHash(source, table, REVISION),
    preprocess: (picture) => preprocess(picture, preprocessor),
    embedPicture,
    async score({ result, original, target }: ScoredTurn, signal?: AbortSignal) {
      const seen = (await embedPicture(result, signal)).data;
      const to = async (other: Picture) => cosine(seen, (await embedPicture(other, signal)).data);
      const scores: Record<string, number> = { "dino.image.original": await to(original) };
      if (target) scores["dino.image"] = await to(target);
      return scores;
    },
    dispose: () => checkpoint.dispose(),
  };
}
