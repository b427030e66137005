/** A Qwen3-VL with its processor, in the layout of diffusers: text_encoder/, processor/, tokenizer/. */
import type { CheckpointSource } from "../../checkpoint/source.ts";
import type { WeightRef, WeightTable } from "../../checkpoint/weights.ts";

export interface Qwen3VlOptions {
  /** Default "text_encoder". */
  readonly folder?: string;
  /** Of pictures, and of texts with a picture. Default "processor". */
  readonly processor?: string;
  /** Of texts alone. Default "tokenizer". */
  readonly tokenizer?: string;
}

export interface Qwen3Vl {
  readonly config: { readonly text: { readonly hidden_size: number; readonly vocab_size: number } };
  /** The vision tower's tensors, to be placed and run by themselves: a graph for each size of picture, so one. */
  readonly vision: WeightTable;
  /** The tensors of the text's layers. */
  readonly text: WeightTable;
  /** [vocabulary, hidden]: looked up in the file, in no graph. */
  readonly embeddings: WeightRef;
  /** Tokens of an instruction, as DreamLite's countTokens. There is no limit but the encoder's own. */
  readonly count: (text: string) => number;
}

/**
 * Reads configurations and headers, and checks that every tensor fits.
 *
 * @throws EmilieError "checkpoint.*" naming the file, key or tensor
 */
export declare function readQwen3Vl(source: CheckpointSource, options?: Qwen3VlOptions): Promise<Qwen3Vl>;
