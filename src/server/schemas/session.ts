/** Sessions and the nodes of their trees, as the API shows them. */
import { z } from "@hono/zod-openapi";
import { openShape, recordedShape } from "../../method/settings-derived.ts";
import { comparisonSchema, maskId, name, nodeId, sessionId, time, warnings } from "./common.ts";

/** Everything that a node's result depends on. Later versions may say more. */
export const recipeSchema = z
  .looseObject({
    version: z.number().int(),
    model: z.object({ id: z.string(), fingerprint: z.string() }),
    parent: nodeId,
    regions: z.array(
      z.looseObject({
        instruction: z.string(),
        weight: z.number().optional(),
        mask: z
          .object({ width: z.number().int(), height: z.number().int(), sha256: maskId })
          .nullable()
          .openapi({ description: "null: everywhere. The sha256 is the mask's id" }),
      }),
    ),
    references: z
      .array(z.object({ width: z.number().int(), height: z.number().int(), sha256: maskId }))
      .optional()
      .openapi({ description: "Reference pictures; absent: none" }),
    ...recordedShape(),
  })
  .openapi("Recipe");

export const canvasSchema = z
  .object({
    kind: z.enum(["crop", "expand"]),
    x: z.number().int(),
    y: z.number().int(),
    width: z.number().int(),
    height: z.number().int(),
  })
  .openapi("Canvas", { description: "The new canvas as a box in the pixels of the parent's picture" });

/** Of a crop or an expansion: no model is asked. */
export const canvasRecipeSchema = z
  .looseObject({
    version: z.number().int(),
    model: z.object({ id: z.string(), fingerprint: z.string() }),
    parent: nodeId,
    regions: z.tuple([]),
    canvas: canvasSchema,
    workingSize: z.number().int().optional(),
  })
  .openapi("CanvasRecipe");

export const driftSchema = z
  .object({
    parent: comparisonSchema,
    original: comparisonSchema,
    quietHalf: z.object({ step: z.number(), largestStep: z.number(), since: z.number() }),
    hidden: z.number(),
    look: z
      .object({
        visible: z.number(),
        sharpness: z.number(),
        shift: z.number(),
        carried: z.number().optional(),
      })
      .optional(),
    warnings: z.array(z.string()),
  })
  .openapi("Drift", { description: "How far a node has come from its parent and from the original" });

/** See the library's Changes. */
export const changesSchema = z
  .object({
    kind: z.enum(["none", "masked", "everywhere", "outside", "blurred", "shifted", "cropped", "expanded"]),
    level: z.enum(["kept", "changed", "wrong"]),
    share: z.number().openapi({ description: "Share of the picture; `text` says of what" }),
    carried: z.number().optional().openapi({
      description: "With detail: the share of the change that carries the original's own detail",
    }),
    text: z.string().openapi({ description: "One sentence", example: "32 % of the picture changed." }),
  })
  .openapi("Changes", { description: "What an edit did to the picture" });

export const refusalSchema = z
  .object({
    instruction: z.string(),
    reason: z.enum(["unsupported", "compound", "absent"]),
    message: z.string().openapi({ description: "The reason as a sentence" }),
    nearest: z.array(z.string()).openapi({ description: "The nearest instructions that the model knows" }),
  })
  .openapi("Refusal");

export const nodeSchema = z
  .object({
    id: nodeId,
    parent: nodeId.nullable().openapi({ description: "null for the original" }),
    name: z.string().nullable(),
    instruction: z
      .string()
      .openapi({ description: '"" for the original; "crop to 640×480" for a crop, and likewise' }),
    recipe: z.union([recipeSchema, canvasRecipeSchema]).nullable(),
    width: z.number().int().openapi({ description: "Of its picture, in pixels" }),
    height: z.number().int(),
    canvas: canvasSchema.nullable().openapi({
      description: "For a crop or an expansion, its box; null for an edit and the original",
    }),
    hasMask: z.boolean().openapi({ description: "Whether the edit had a mask; an expansion has its border" }),
    changed: z.boolean().openapi({ description: "False if no mask allowed any change" }),
    understood: z.boolean().openapi({
      description: "False if the model understood none of the instructions: the picture is the parent's",
    }),
    refused: z.array(refusalSchema).openapi({ description: "Instructions that were not carried out" }),
    phrases: z.array(z.string()).openapi({
      description:
        "What the denoiser was given in place of the instructions, one edit each (the setting rephrase); empty: the instructions themselves",
      example: ["paint the roof blue"],
    }),
    cost: z.object({ seconds: z.number(), unetCalls: z.number().int() }),
    drift: driftSchema.nullable().openapi({ description: "null where it was not measured" }),
    changes: changesSchema
      .nullable()
      .openapi({ description: "null for the original and where drift was not measured" }),
  })
  .openapi("Node");

export const sessionSummarySchema = z
  .object({
    id: sessionId,
    name: z.string(),
    created: time,
    modified: time,
    model: z
      .string()
      .openapi({ description: "The model with which it was made and is edited", example: "picturebook" }),
    width: z.number().int(),
    height: z.number().int(),
    root: nodeId,
    head: nodeId,
    nodeCount: z.number().int(),
    workingSize: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "The longer side at which the model works; null: its native size" }),
    familiar: z.boolean().nullable().openapi({
      description:
        "Whether the picture is of the world that the model was made for; null: not known, or it takes any picture",
    }),
    binned: time.nullable().openapi({ description: "When it was put into the bin; null: it was not" }),
  })
  .openapi("SessionSummary");

export const sessionSchema = sessionSummarySchema
  .extend({
    nodes: z.array(nodeSchema).openapi({ description: "The original first, every node after its parent" }),
    bin: z.array(nodeSchema).openapi({ description: "Nodes that were put into the bin" }),
    canUndo: z.boolean(),
    canRedo: z.boolean(),
  })
  .openapi("Session");

/** A session that was opened now, and what there is to say of the picture's file. */
export const openedSessionSchema = sessionSchema.extend({ warnings }).openapi("OpenedSession");

export const newSessionSchema = z
  .strictObject({
    example: z
      .string()
      .min(1)
      .max(60)
      .openapi({ description: "A picture that ships with emilie", example: "cottage" }),
    name: name.optional(),
    model: z.string().max(300).optional().openapi({ description: "Default: the model that is selected" }),
    ...openShape(),
  })
  .openapi("NewSession");

export const maskSchema = z
  .object({
    id: maskId,
    width: z.number().int(),
    height: z.number().int(),
    resized: z
      .boolean()
      .openapi({ description: "The picture had a different size, and the mask was scaled to it" }),
    coverage: z.number().openapi({ description: "The share of the picture that it covers, 0 to 1" }),
    warnings,
  })
  .openapi("Mask");

export const exampleSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    width: z.number().int(),
    height: z.number().int(),
    suggestions: z.array(z.string()).openapi({ description: "Instructions to try on it" }),
  })
  .openapi("Example");

export type Recipe = z.output<typeof recipeSchema>;
export type Drift = z.output<typeof driftSchema>;
export type Node = z.output<typeof nodeSchema>;
export type SessionSummary = z.output<typeof sessionSummarySchema>;
export type Session = z.output<typeof sessionSchema>;
export type OpenedSession = z.output<typeof openedSessionSchema>;
export type NewSession = z.input<typeof newSessionSchema>;
export type MaskInfo = z.output<typeof maskSchema>;
export type Example = z.output<typeof exampleSchema>;
