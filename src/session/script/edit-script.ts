/** What an edit script is made of, as types; script.ts checks values against them. */
import type { Sides } from "../../images/canvas.ts";
import type { Box } from "../../images/picture.ts";
import type { SettingsInJson } from "../../method/settings-derived.ts";

/** How a step is done; what is left out is the script's default, then the checkpoint's own. */
export interface EditScriptSettings extends SettingsInJson {}

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
  /** The window of the picture to which it is cut, before the instruction. */
  crop?: Box | undefined;
  /** The room that is added around the picture, before the instruction: pixels, or shares such as "25%". */
  expand?: Sides | undefined;
  /** What should change. Only a crop or an expansion can do without. */
  instruction?: string | undefined;
  /** Where: a mask in words (see readMask), "auto" or "border". Default: everywhere; after `expand`, its border. */
  mask?: string | undefined;
  /** Files of pictures that the instruction refers to, for models that take some. */
  references?: string[] | undefined;
  /** Further instructions in the same pass. */
  regions?: EditScriptRegion[] | undefined;
}

/** Edits one after the other, branches included, as data. */
export interface EditScript {
  /** For editors that check and complete: the address of schema/edit-script.schema.json. */
  $schema?: string | undefined;
  /** Default settings of all steps. */
  defaults?: EditScriptSettings | undefined;
  /** In order; at least one. */
  steps: EditScriptStep[];
}
