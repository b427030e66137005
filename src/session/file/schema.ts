/**
 * What a session file says about its session: the tree, the recipes, and which pieces (latents, masks, the
 * original) lie in the file. docs/decisions/0006-session-file.md describes the format.
 */
import { z } from "zod";
import { PRECISIONS } from "../../checkpoint/derived.ts";
import { EmilieError } from "../../errors.ts";
import { MAX_PICTURE_PIXELS } from "../../images/picture.ts";
import { MAX_TEXT, SESSION_JSON } from "../../limits.ts";
import { laterThan, recordedShape } from "../../method/settings-derived.ts";
import { parseJson } from "../../util/parse-json.ts";
import { MAX_REGIONS } from "../tree/check-edit.ts";
import { type CanvasRecipe, isCanvasRecipe, type NodeRecipe, type Recipe } from "../tree/recipe.ts";

export const FORMAT = "emilie-session";
/**
 * Version 2 has strengths and early ends in its recipes, and drift since the last edit of everything; version 3 has windows,
 * working sizes, gates, and recipes that spare computing;
 * version 4 says where the model's parts lie; version 5 has detail transfer in its recipes, and what is seen of a change;
 * version 6 has crops, expansions and reference pictures; version 7 has instructions that were rephrased, version 8 such that a model's reader understood, and version 9 what
 * an edit brought.
 */
export const VERSION = 9;
const VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, VERSION] as const;
/** A tree that anybody made by hand is far smaller; beyond this a file was made to exhaust memory. */
export const MAX_NODES = 10_000;

/** More than any model takes. */
const MAX_REFERENCES = 64;

/** More than the parts of any instruction. */
const MAX_PHRASES = 16 * MAX_REGIONS;

const hash = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256");
const id = z.string().regex(/^[0-9a-f]{12}$/, "expected twelve hex digits");
const side = z.int().min(1).max(MAX_PICTURE_PIXELS);
const count = z.int().min(0);
const text = z.string().max(MAX_TEXT);

/** Keys stand in the order in which a session writes them: a node's id is a hash over them in this order. */
export const editRecipeSchema: z.ZodType<Recipe> = z.strictObject({
  version: z.literal(1),
  model: z.strictObject({ id: text, fingerprint: text }),
  parent: id,
  regions: z
    .array(
      z.strictObject({
        instruction: text,
        weight: z.number().optional(),
        mask: z.strictObject({ width: side, height: side, sha256: hash }).nullable(),
      }),
    )
    .min(1)
    .max(MAX_REGIONS),
  ...recordedShape(),
  references: z
    .array(z.strictObject({ width: side, height: side, sha256: hash }))
    .min(1)
    .max(MAX_REFERENCES)
    .optional(),
});
const canvasSchema: z.ZodType<CanvasRecipe> = z.strictObject({
  version: z.literal(1),
  model: z.strictObject({ id: text, fingerprint: text }),
  parent: id,
  regions: z.tuple([]),
  canvas: z.strictObject({
    kind: z.enum(["crop", "expand"]),
    x: z.int(),
    y: z.int(),
    width: side,
    height: side,
  }),
  workingSize: recordedShape().workingSize,
});
/** By its `canvas`, so that what is wrong is said of the one that was meant. */
export const recipeSchema: z.ZodType<NodeRecipe> = z.unknown().transform((value, context) => {
  const isCanvas = typeof value === "object" && value !== null && "canvas" in value;
  const result = (isCanvas ? canvasSchema : editRecipeSchema).safeParse(value);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) context.addIssue({ code: "custom", path, message });
  return z.NEVER;
});

/** JSON has no Infinity: the PSNR of equal pictures is null there. */
const difference = z.strictObject({
  mae: z.number().min(0),
  psnr: z.number().nullable(),
  changedPixels: count,
  pixels: count,
});
const insideOutside = z.strictObject({ inside: difference, outside: difference });
const driftSchema = z.strictObject({
  parent: insideOutside,
  original: insideOutside,
  quietHalf: z.strictObject({ step: z.number(), largestStep: z.number(), since: z.number() }),
  hidden: z.number(),
  look: z
    .strictObject({
      visible: z.number(),
      sharpness: z.number(),
      shift: z.number(),
      carried: z.number().optional(),
    })
    .optional(),
  warnings: z.array(text).max(16),
});
/** Version 1 measured from the original only; it is measured anew when asked for. */
const olderDrift = z
  .looseObject({ quietHalf: z.looseObject({ original: z.number() }) })
  .transform(() => undefined);

const nodeSchema = z.strictObject({
  id,
  parent: id.nullable(),
  name: text.optional(),
  recipe: recipeSchema.nullable(),
  /** SHA-256 of the latent's values; they are the piece "latent/<sha256>". */
  latent: hash,
  /** In a session above the native size: where the latent lies, in latent pixels. */
  window: z.strictObject({ x: count, y: count, width: count, height: count }).optional(),
  changed: z.boolean(),
  /** Instructions that were not carried out. */
  refused: z
    .array(
      z.strictObject({
        instruction: text,
        reason: z.enum(["unsupported", "compound", "absent"]),
        message: text,
        nearest: z.array(text).max(16),
      }),
    )
    .max(MAX_REGIONS)
    .optional(),
  /** What the denoiser was given, where that is not the instructions themselves. */
  phrases: z.array(text).min(1).max(MAX_PHRASES).optional(),
  cost: z.strictObject({ seconds: z.number().min(0), unetCalls: count }),
  drift: z.union([driftSchema, olderDrift]).optional(),
  /** For detail transfer: the squares of the picture, row by row, where this edit or one before it brought a thing ("1"). */
  brought: z
    .strictObject({ width: z.int().min(1).max(64), squares: z.string().regex(/^[01]{1,4096}$/) })
    .refine(({ width, squares }) => squares.length % width === 0, "expected whole rows")
    .optional(),
});

const pieceSchema = z.strictObject({
  name: z.string().min(1).max(100),
  type: z.enum(["F32", "U8"]),
  shape: z.array(count).min(1).max(3),
  /** Over the bytes as they lie in the file. */
  sha256: hash,
});

/** A file or folder by its absolute path and as seen from the session's file, or a model by its name alone. */
const placeSchema = z.strictObject({ name: text, beside: text.optional() });
const sourceSchema = z.strictObject({
  base: placeSchema,
  loras: z.array(placeSchema.extend({ weight: z.number() })).max(100),
  precision: z.enum(PRECISIONS),
  tokenizer: placeSchema.optional(),
  vae: placeSchema.optional(),
});
export type ModelSource = z.output<typeof sourceSchema>;

const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSIONS),
  model: z.strictObject({ id: text, fingerprint: text }),
  /** What the model was loaded from, each part by itself. Absent in files that no program with a disk has saved. */
  source: sourceSchema.optional(),
  /** Of the user's picture, which is the piece "original.png". */
  picture: z.strictObject({ width: side, height: side }),
  /** The longer side that the model works at, where it is another than its own choice. */
  workingSize: side.optional(),
  head: id,
  /** The original first, every node after its parent. */
  nodes: z.array(nodeSchema).min(1).max(MAX_NODES),
  /** In the order in which they lie in the file. */
  pieces: z.array(pieceSchema).max(3 * MAX_NODES),
});

export interface Manifest extends z.output<typeof manifestSchema> {}
export type StoredNode = z.output<typeof nodeSchema>;
export type StoredDrift = z.output<typeof driftSchema>;
export type PieceEntry = z.output<typeof pieceSchema>;

/** Throws session.version for another version of the format, session.malformed naming what is wrong. */
export function parseManifest(json: string, path: string): Manifest {
  const value = parseJson(json, SESSION_JSON, (what, cause) =>
    malformed(path, `its description ${what}`, cause),
  );
  const head = z.object({ format: z.literal(FORMAT), version: z.int() }).safeParse(value);
  if (!head.success) throw malformed(path, "its description is of something else");
  if (!VERSIONS.some((version) => version === head.data.version)) {
    throw new EmilieError(
      "session.version",
      `${path} is a session of format version ${head.data.version}; this emilie reads versions 1 to ${VERSION}. ` +
        `Open it with ${head.data.version > VERSION ? "a newer" : "an older"} emilie.`,
    );
  }
  const result = manifestSchema.safeParse(value);
  if (result.success) {
    const { version, nodes } = result.data;
    const { workingSize, source } = result.data;
    const placed = workingSize !== undefined || nodes.some(({ window }) => window !== undefined);
    const later =
      source && version < 4
        ? "source"
        : placed && version < 3
          ? "workingSize"
          : nodes.flatMap((node) => laterKey(version, node) ?? []).at(0);
    if (!later) return result.data;
    throw malformed(path, `it says version ${version}, which has no "${later}"`);
  }
  const issue = result.error.issues[0]!;
  throw malformed(path, `${issue.path.join(".") || "the whole"}: ${issue.message}`);
}

/** The first key of a node or its recipe that came with a later version. */
function laterKey(version: number, { recipe, brought }: StoredNode): string | undefined {
  if (brought && version < 9) return "brought";
  if (!recipe) return undefined;
  if (isCanvasRecipe(recipe)) return version < 6 ? "canvas" : undefined;
  return recipe.references && version < 6 ? "references" : laterThan(version, recipe);
}

export function malformed(path: string, what: string, cause?: unknown): EmilieError {
  return new EmilieError("session.malformed", `${path} is not a session that can be opened: ${what}.`, {
    cause,
  });
}
