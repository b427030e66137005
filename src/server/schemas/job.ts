/** What is asked of the model, and what became of it. */
import { z } from "@hono/zod-openapi";
import { says } from "../../method/setting.ts";
import { editShape, WEIGHT } from "../../method/settings-derived.ts";
import { cropSchema, expandSchema } from "../../session/tree/canvas-input.ts";
import { MAX_REGIONS } from "../limits.ts";
import { MASK_CHANNELS } from "../worker/mask-reading.ts";
import { instruction, jobId, maskId, nodeId, sessionId, time, warnings } from "./common.ts";

const partExpected = says(
  "the name of a part of the form: 1 to 60 letters, digits, dots, hyphens and underscores",
);
const partName = z.string(partExpected).regex(/^[\w.-]{1,60}$/, partExpected);

const box = z.strictObject({
  x: z.int().min(0),
  y: z.int().min(0),
  width: z.int().min(1),
  height: z.int().min(1),
});

export const autoMaskSchema = z
  .strictObject({
    threshold: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .openapi({ description: "The relevance above which a pixel may change; default 0.25" }),
    level: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .openapi({ description: "The noise level at which it is computed; default 0.7" }),
    draws: z
      .int()
      .min(1)
      .max(16)
      .optional()
      .openapi({ description: "Noise draws that are averaged; default 4" }),
  })
  .openapi("AutoMask");

/** How a mask's picture is read. */
export const maskReading = z.object({
  channel: z
    .enum(MASK_CHANNELS)
    .optional()
    .openapi({
      description:
        "Default: white = edit, and an ambiguous file is refused with mask.ambiguous. luma: its brightness, unchanged; " +
        "stretch: its brightness, stretched to the full range; alpha: transparent = edit",
    }),
  invert: z.boolean().optional().openapi({ description: "Inverts the mask" }),
});

/** Where an edit may happen. */
const placedMask = [
  z.strictObject({ id: maskId }).openapi({ description: "A mask that was uploaded, or that a recipe names" }),
  z.strictObject({ node: nodeId }).openapi({ description: "The mask of that node's edit" }),
  z.strictObject({ box }).openapi({ description: "A box in the picture's pixels" }),
  z.strictObject({ at: z.strictObject({ x: z.number().min(0), y: z.number().min(0) }) }).openapi({
    description: "The object at this point of the picture that is edited: a mask that follows its edges",
  }),
  z.strictObject({ around: box }).openapi({
    description: "The object inside this box of the picture that is edited, likewise",
  }),
  z
    .strictObject({ border: z.literal(true) })
    .openapi({ description: "The area that the preceding expansion added to the picture" }),
  z.strictObject({ part: partName, ...maskReading.shape }).openapi({
    description:
      "In a multipart request: the name of the part that contains the mask as a picture, white = edit",
  }),
] as const;
export const placeSchema = z.union(placedMask).openapi("Place");
export const maskRefSchema = z
  .union([...placedMask, z.strictObject({ auto: autoMaskSchema })])
  .openapi("MaskReference");

/** A question before an edit. */
export const understandRequestSchema = z
  .strictObject({
    instruction,
    from: nodeId.optional().openapi({ description: "Default: the head" }),
  })
  .openapi("UnderstandRequest");

/** See the library's Understanding. */
export const understandingSchema = z
  .object({
    understood: z.boolean(),
    parts: z.array(z.string()).readonly().openapi({
      description:
        "What would be done, one after the other: the texts that the denoiser would be given, rephrased if that is the checkpoint's default",
    }),
    reason: z.enum(["unsupported", "compound", "absent"]).optional(),
    message: z.string().optional().openapi({ description: "The reason as a sentence" }),
    nearest: z
      .array(z.string())
      .readonly()
      .openapi({ description: "The nearest instructions that the model knows" }),
  })
  .openapi("Understanding");

const region = z.strictObject({
  instruction,
  mask: placeSchema.optional(),
  weight: WEIGHT.optional(),
});

/** How an edit is done; what is left out is the checkpoint's own. */
const settings = {
  regions: z
    .array(region)
    .max(MAX_REGIONS)
    .optional()
    .openapi({ description: "Further instructions, each with its own mask, in the same pass" }),
  ...editShape(),
};
const previews = z
  .int()
  .min(0)
  .max(50)
  .optional()
  .openapi({ description: "Maximum number of previews per picture; default 6" });

/** A picture that an instruction refers to. */
export const referenceSchema = z
  .union([
    z.strictObject({ part: partName }).openapi({
      description: "In a multipart request: the name of the part that contains the picture",
    }),
    z.strictObject({ node: nodeId }).openapi({ description: "The picture of that node" }),
  ])
  .openapi("Reference");

/** A step of its own before the edit. */
const canvas = { crop: cropSchema.optional(), expand: expandSchema.optional() };

export const editRequestSchema = z
  .strictObject({
    instruction: instruction
      .optional()
      .openapi({ description: "What should change; optional only with crop or expand" }),
    from: nodeId
      .optional()
      .openapi({ description: "The node to edit; default: the head at the time of the request" }),
    ...canvas,
    mask: maskRefSchema.optional().openapi({ description: "Default: everywhere; with expand, its border" }),
    references: z.array(referenceSchema).max(16).optional().openapi({
      description: "Pictures that the instruction refers to, at most the model's maxReferences",
    }),
    ...settings,
    variations: z.int().min(1).max(9).optional().openapi({
      description:
        "Number of pictures, with seed, seed + 1, …. With more than one the head does not move until one is chosen",
    }),
    previews,
  })
  .openapi("EditRequest");

export const replayRequestSchema = z
  .strictObject({
    instruction: instruction.optional(),
    ...canvas,
    mask: maskRefSchema.nullable().optional().openapi({ description: "null: everywhere" }),
    ...settings,
    until: nodeId.optional().openapi({
      description: "Recompute only the path from the step to this node; default: all descendants",
    }),
    previews,
  })
  .openapi("ReplayRequest", {
    description: "The settings to change in this step; everything else stays as in its recipe",
  });

export const relevanceRequestSchema = autoMaskSchema
  .extend({ instruction, from: nodeId.optional(), seed: editShape().seed })
  .openapi("RelevanceRequest");

export const jobStates = ["waiting", "running", "done", "failed", "cancelled"] as const;

export const progressSchema = z
  .object({
    step: z.int().openapi({ description: "Steps done" }),
    steps: z.int(),
    edit: z
      .int()
      .openapi({ description: "Which edit of the job, from 0: variations, or the steps of a replay" }),
    edits: z.int(),
    secondsLeft: z.number().nullable(),
  })
  .openapi("Progress");

export const jobSchema = z
  .object({
    id: jobId,
    session: sessionId,
    kind: z.enum(["edit", "replay", "relevance"]),
    state: z.enum(jobStates),
    /** What was asked, with masks by their ids. */
    instruction: z.string().openapi({ description: '"crop" or "expand" for one without an instruction' }),
    from: nodeId,
    variations: z.int(),
    created: time,
    started: time.nullable(),
    finished: time.nullable(),
    position: z.int().nullable().openapi({ description: "While it waits: the number of jobs ahead of it" }),
    attempts: z.int().openapi({ description: "2 if it was restarted after a crash" }),
    progress: progressSchema.nullable(),
    nodes: z.array(nodeId).openapi({ description: "The nodes it has created so far, in order" }),
    replaced: z
      .record(z.string(), nodeId)
      .nullable()
      .openapi({ description: "Replay: the new node for each old one" }),
    relevance: z.object({ map: maskId, mask: maskId }).nullable().openapi({
      description: "Relevance: the grey map, and the mask above the threshold, both to be fetched as masks",
    }),
    kept: z.boolean().openapi({ description: "Ended early, with the preview as the result" }),
    warnings,
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .openapi("Job");

export type Place = z.input<typeof placeSchema>;
export type MaskRef = z.input<typeof maskRefSchema>;
export type AutoMask = z.input<typeof autoMaskSchema>;
export type EditRequest = z.input<typeof editRequestSchema>;
export type ReplayRequest = z.input<typeof replayRequestSchema>;
export type RelevanceRequest = z.input<typeof relevanceRequestSchema>;
export type UnderstandRequest = z.input<typeof understandRequestSchema>;
export type Understanding = z.output<typeof understandingSchema>;
export type JobState = (typeof jobStates)[number];
export type Progress = z.output<typeof progressSchema>;
export type JobInfo = z.output<typeof jobSchema>;
