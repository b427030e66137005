/**
 * A method that edits one picture, made one that edits a session as its users would: each turn starts from the 8-bit
 * picture of the turn before. Every turn has a seed of its own, as with every method of the benchmark.
 */
import { type EditModel, type Mask, type Picture, resizeMask, type Tensor } from "../library.ts";
import type { BenchMethod, MethodSettings, SettingsMode } from "../types.ts";
import { metered } from "./metered.ts";
import { encodePicture } from "./round-trip.ts";
import { turnSeed } from "./turn-seed.ts";

/** What one edit is given. */
export interface SingleEdit {
  readonly model: EditModel;
  /** The picture as it stands. */
  readonly picture: Picture;
  /** E(picture).mode, the condition. */
  readonly c: Tensor;
  readonly instruction: string;
  /** At the picture's size; absent: the person gave none. */
  readonly mask?: Mask;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

type Facts = Pick<BenchMethod, "name" | "title" | "reference" | "revision">;

/** How one picture is edited, and with which settings. */
export interface SingleMethod<S extends MethodSettings> extends Facts {
  settings(model: EditModel, mode: SettingsMode): S;
  edit(edit: SingleEdit, settings: S): Promise<Picture>;
}

/** The method over sessions. Only settings that its own `settings` gave may be passed to `run`. */
export function iterated<S extends MethodSettings>(method: SingleMethod<S>): BenchMethod {
  const { edit, ...rest } = method;
  return {
    ...rest,
    async *run(model, start, turns, settings, { seed, signal }) {
      let picture = start;
      for (const [i, { instruction, mask }] of turns.entries()) {
        const result = await metered(model, async () => {
          const c = await encodePicture(model, picture, { signal });
          const fitted = mask && resizeMask(mask, picture.width, picture.height);
          const noise = turnSeed(settings, seed, i);
          return edit({ model, picture, c, instruction, mask: fitted, seed: noise, signal }, settings as S);
        });
        picture = result.picture;
        yield result;
      }
    },
  };
}
