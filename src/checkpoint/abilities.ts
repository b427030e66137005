/** What a checkpoint says that it can do: `abilities` in its emilie.json. For people who choose a model and write instructions. */
import { z } from "zod";

const instruction = z.string().min(1).max(200);

export const abilitiesSchema = z.strictObject({
  /** What it edits, in a sentence. */
  summary: z.string().min(1).max(400),
  /** Instructions that work with it, in groups; within a group and among the groups the strongest first. */
  suggestions: z
    .array(
      z.strictObject({ title: z.string().min(1).max(40), instructions: z.array(instruction).min(1).max(50) }),
    )
    .max(50)
    .default([]),
  /** What it cannot do, before it is tried. */
  limits: z.string().max(400).default(""),
  /** How often it does what it is asked, as it was measured. */
  success: z
    .array(
      z.strictObject({ what: z.string().min(1).max(100), rate: z.number().min(0).max(1), n: z.int().min(1) }),
    )
    .max(50)
    .default([]),
});
