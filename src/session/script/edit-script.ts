/** What an edit script is made of, as types; script.ts checks values against them. */
import type { Control } from "../../method/gradient-control.ts";
import type { PresetName } from "../../method/presets.ts";
import type { SamplerName } from "../../samplers/index.ts";
import type { Detail } from "../tree/check-edit.ts";

/** How a step is done; what is left out is the script's default, then the checkpoint's own. */
export interface EditScriptSettings {
  /** How much is computed; the settings beside it beat it. */
  preset?: PresetName | undefined;
  /** Chooses the noise: a whole number from 0 to 2⁶⁴ − 1; as a string where it is larger than 2⁵³ − 1. */
  seed?: number | string | undefined;
  /** Denoising steps, 1 to 1000. */
  steps?: number | undefined;
  /** Ends after so many of the steps, with their preview as the result. */
  stopAfter?: number | undefined;
  /** How the steps are taken. */
  sampler?: SamplerName | undefined;
  /** How much of the edit is done, from 0 to 1. */
  strength?: number | undefined;
  /** What an edit moves by less than this in the latent is carried over exactly; 0 takes everything. */
  gate?: number | undefined;
  /** s_T, how strongly the instruction pulls. */
  textGuidance?: number | undefined;
  /** s_I, how strongly the picture holds. */
  imageGuidance?: number | undefined;
  /** Where in the schedule guidance acts, as shares of it from its noisy end. */
  guidanceInterval?: readonly [number, number] | undefined;
  /** How a mask acts. */
  control?: Control | undefined;
  /** Whether the result keeps the detail of a picture that is larger than the model's size. */
  detail?: Detail | undefined;
  /** The text to use instead of the empty null prompt. */
  base?: string | undefined;
  /** Where the model runs: on the whole picture ("off"), or on a window around the masks. */
  window?: "off" | "auto" | { margin: number; least?: number | undefined } | undefined;
}

/** A further instruction with a place of its own. */
export interface EditScriptRegion {
  /** What should change there. */
  instruction: string;
  /** A mask in words (see readMask). Default: everywhere. */
  mask?: string | undefined;
  /** Replaces textGuidance; negative values push away. */
  weight?: number | undefined;
}

/** One edit of a script. */
export interface EditScriptStep extends EditScriptSettings {
  /** What later steps call this one. Default: its number, from 1. */
  id?: string | undefined;
  /** The id or number of a step before, "original", or a node of the session. Default: the step before. */
  from?: string | number | undefined;
  /** What should change. */
  instruction: string;
  /** Where: a mask in words (see readMask), or "auto". Default: everywhere. */
  mask?: string | undefined;
  /** Further instructions in the same pass. */
  regions?: EditScriptRegion[] | undefined;
}

/** Edits one after the other, branches included, as data. */
export interface EditScript {
  /** For editors that check and complete: the address of schema/edit-script.schema.json. */
  $schema?: string | undefined;
  /** Settings of all steps that say no other. */
  defaults?: EditScriptSettings | undefined;
  /** In order; at least one. */
  steps: EditScriptStep[];
}
