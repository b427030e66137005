/** The names of an edit's options, held to the one rule for names: what is not known is refused, and not dropped. */
import { checkOptions, type OptionNames } from "../../input/options.ts";
import { EDIT_OPTIONS, REGION_OPTIONS } from "../../method/options.ts";
import { RELEVANCE_OPTIONS } from "../../method/relevance.ts";
import { settingNames } from "../../method/settings-derived.ts";
import type { SessionEditOptions } from "./tree.ts";

const { onStep: _, references: _latents, ...METHOD_OPTIONS } = EDIT_OPTIONS;
const SESSION_EDIT_OPTIONS: OptionNames<SessionEditOptions> = {
  ...METHOD_OPTIONS,
  ...settingNames("session"),
  ...{ from: true, mask: true, regions: true, relevance: true, onProgress: true, onWarning: true },
};

/** What of an edit's options is not known. @throws InputError naming it */
export function checkEditOptions(options: SessionEditOptions): void {
  checkOptions(options, SESSION_EDIT_OPTIONS, "the edit's options");
  if (options.relevance) checkOptions(options.relevance, RELEVANCE_OPTIONS, "the edit's relevance");
  for (const region of options.regions ?? []) checkOptions(region, REGION_OPTIONS, "the edit's region");
}
