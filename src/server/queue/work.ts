/** A request as it waits: checked, its masks named by what they are, so that it can be written down and done later. */

import type { SettingsInJson } from "../../method/settings-derived.ts";
import type { CanvasInput } from "../../session/tree/canvas-input.ts";

/** Where an edit may happen: nowhere restricted, a mask in the store, or found by the model. */
export type WorkMask =
  | null
  | { readonly id: string }
  | { readonly auto: { readonly threshold?: number; readonly level?: number; readonly draws?: number } };

export interface WorkRegion {
  readonly instruction: string;
  readonly mask: { readonly id: string } | null;
  readonly weight?: number;
}

/** In JSON; files of earlier versions have every seed as text. */
export type WorkSettings = Readonly<SettingsInJson>;

export interface EditWork {
  readonly kind: "edit";
  readonly from: string;
  /** Done first, as a node of its own. */
  readonly canvas?: CanvasInput;
  /** "" for nothing but the crop or the expansion. */
  readonly instruction: string;
  readonly mask: WorkMask;
  readonly regions: readonly WorkRegion[];
  readonly settings: WorkSettings;
  readonly variations: number;
  readonly previews: number;
  /** What was noticed about the request when it came. */
  readonly warnings?: readonly string[];
  /** Whether the head moves to the result. */
  readonly moveHead: boolean;
}

export interface ReplayWork {
  readonly kind: "replay";
  /** The step that changes. */
  readonly from: string;
  /** Undefined: as it was. */
  readonly instruction?: string;
  /** The crop's or the expansion's new one. */
  readonly canvas?: CanvasInput;
  readonly mask?: WorkMask;
  readonly regions?: readonly WorkRegion[];
  readonly settings: WorkSettings;
  /** The step and what follows it, each after its parent. */
  readonly nodes: readonly string[];
  readonly previews: number;
  readonly warnings?: readonly string[];
}

export interface RelevanceWork {
  readonly kind: "relevance";
  readonly from: string;
  readonly instruction: string;
  readonly seed: number | string;
  readonly options: { readonly threshold?: number; readonly level?: number; readonly draws?: number };
}
