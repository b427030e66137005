/**
 * Rotary positions of FLUX.2 (Su et al., arXiv 2104.09864, on four axes; diffusers' Flux2PosEmbed and the pipeline's _prepare_*_ids). A token's place is (time, row,
 * column, place in the text): text has only the last; the picture that is made has time 0, the source 10, and references 20, 30 ….
 */
import { AXES, type Flux2TransformerConfig } from "./transformer-config.ts";

/** Rows and columns of a picture in tokens. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

/** How far pictures are apart in time. */
const TIME = 10;

/** The tokens of an edit, in the order in which the network sees them: text, the picture that is made, the source and references. */
export function* places(texts: number, pictures: readonly Grid[]): Generator<readonly number[]> {
  for (let l = 0; l < texts; l++) yield [0, 0, 0, l];
  for (const [i, { height, width }] of pictures.entries()) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) yield [TIME * i, y, x, 0];
  }
}

export interface Rotations {
  /** [tokens, head / 2], row by row. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Angles in double precision, as diffusers has them; each turns a pair of neighbouring values. */
export function rotations(
  { axes_dims_rope, rope_theta, attention_head_dim }: Flux2TransformerConfig,
  texts: number,
  pictures: readonly Grid[],
): Rotations {
  const tokens = pictures.reduce((sum, { height, width }) => sum + height * width, texts);
  const pairs = attention_head_dim / 2;
  const frequencies = axes_dims_rope.map((dimensions) =>
    Array.from({ length: dimensions / 2 }, (_, i) => 1 / rope_theta ** ((2 * i) / dimensions)),
  );
  const [cos, sin] = [new Float32Array(tokens * pairs), new Float32Array(tokens * pairs)];
  let at = 0;
  for (const place of places(texts, pictures)) {
    for (let axis = 0; axis < AXES; axis++) {
      for (const frequency of frequencies[axis]!) {
        const angle = place[axis]! * frequency;
        cos[at] = Math.cos(angle);
        sin[at++] = Math.sin(angle);
      }
    }
  }
  return { cos, sin };
}
