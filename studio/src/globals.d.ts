/** Which backend this build speaks to: "server" in what `emilie studio` serves, "page" in the static site. */
declare const __BACKEND__: "page" | "server";
/** The size of the model that is published with the page. */
declare const __MODEL_BYTES__: number;

declare module "gifenc" {
  type Palette = number[][];
  export interface Encoder {
    writeFrame(
      index: Uint8Array,
      width: number,
      height: number,
      options: { palette?: Palette; delay?: number; repeat?: number },
    ): void;
    finish(): void;
    bytes(): Uint8Array<ArrayBuffer>;
  }
  export function GIFEncoder(): Encoder;
  export function quantize(rgba: Uint8Array | Uint8ClampedArray, colours: number): Palette;
  export function applyPalette(rgba: Uint8Array | Uint8ClampedArray, palette: Palette): Uint8Array;
}
