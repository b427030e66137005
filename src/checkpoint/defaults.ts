/** What a checkpoint's authors recommend, where they say so: emilie.json beside model_index.json. */
import { z } from "zod";
import { statedShape } from "../method/settings-derived.ts";
import { abilitiesSchema } from "./abilities.ts";
import { few, readConfig } from "./parse-config.ts";
import type { CheckpointSource } from "./source.ts";
import { understandingSchema } from "./understanding.ts";

export const defaultsSchema = z.strictObject({
  defaults: z.strictObject(statedShape()).default({}),
  nativeSize: few(2 ** 16).optional(),
  /** What it edits, in a few words: of files from before there were abilities. */
  about: z.string().max(200).optional(),
  abilities: abilitiesSchema.optional(),
  understanding: understandingSchema.optional(),
});

export type EmilieDefaults = z.output<typeof defaultsSchema>;

export async function readDefaults(source: CheckpointSource): Promise<EmilieDefaults> {
  if (!(await source.exists("emilie.json"))) return { defaults: {} };
  return readConfig(source, "emilie.json", defaultsSchema);
}
