import type { ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { compareInsideOutside } from "../images/difference.ts";
import { maskFromBox } from "../images/mask.ts";
import { parseMaskSpec } from "../images/mask-spec.ts";
import { CONTROLS } from "../method/gradient-control.ts";
import { GUIDANCE_RANGES } from "../method/options.ts";
import { PRESETS } from "../method/presets.ts";
import { samplerNames } from "../samplers/index.ts";
import type { FileEditOptions, FileNode } from "../session/file/file-node.node.ts";
import type { Roots } from "./roots.ts";
import { type Answer, differenceData, nodeData, sayDifference, sessionInput, type Tool } from "./tool.ts";
import { nodeOf, type OpenSession, type Workspace } from "./workspace.ts";

/** The longest an assistant has reason to say; text encoders read 77 tokens. */
const MAX_INSTRUCTION = 1000;

const box = z.strictObject({ x: z.int(), y: z.int(), width: z.int(), height: z.int() });
const MASK_FORMS =
  'a box in whole pixels of the original picture ({"x": 40, "y": 30, "width": 48, "height": 40}, or [40, 30, 48, 40]), ' +
  'a picture file that is white where the picture may change ("roof.png", or {"file": "roof.png"}), or "auto" (the model judges ' +
  "where the instruction belongs)";
const maskInput = z
  .union(
    [
      z.literal("auto"),
      box,
      z.strictObject({ box: z.union([box, z.tuple([z.int(), z.int(), z.int(), z.int()])]) }),
      z.tuple([z.int(), z.int(), z.int(), z.int()]),
      z.strictObject({ file: z.string().trim().min(1) }),
      z.string().trim().min(1),
    ],
    { error: `expected ${MASK_FORMS}` },
  )
  .optional()
  .describe(
    `Where the picture may change: ${MASK_FORMS}. Outside it every pixel is unchanged. Default: everywhere.`,
  );

const settings = {
  instruction: z
    .string()
    .trim()
    .min(1)
    .max(MAX_INSTRUCTION)
    .describe('What should change, as an order: "make it winter", "paint the roof blue".'),
  session: sessionInput,
  mask: maskInput,
  seed: z
    .int()
    .min(0)
    .optional()
    .describe(
      "Another seed gives another attempt at the same edit. Default: 0 for the first edit, 1 for the second, and so on.",
    ),
  preset: z
    .enum(PRESETS)
    .optional()
    .describe("Quality against speed: draft for previews, balanced (the default), best for final results."),
  steps: z.int().min(1).max(1000).optional().describe("More is finer and slower. Default: the preset's."),
  sampler: z.enum(samplerNames as [string, ...string[]]).optional(),
  textGuidance: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe("How strongly the edit follows the instruction."),
  imageGuidance: z
    .number()
    .min(GUIDANCE_RANGES.image[0])
    .max(GUIDANCE_RANGES.image[1])
    .optional()
    .describe("How strongly the edit keeps to the original picture."),
  strength: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("How much of the edit is applied. Default 1: all of it."),
  gate: z
    .number()
    .min(0)
    .optional()
    .describe(
      "Latents that the edit changes by less than this are carried over exactly; 0 keeps every change, faint ones too. Default: the checkpoint's own.",
    ),
  control: z.enum(CONTROLS).optional().describe("How a mask acts. Default: anchored."),
};

const editInput = z.strictObject(settings);
const branchInput = z.strictObject({
  ...settings,
  from: z.string().min(1).describe('The node to edit: its id, its name, or "original".'),
});

/** `edit`: from where the session stands. */
export const edit: Tool<typeof editInput> = {
  title: "Edit the picture",
  description:
    "Edits the current picture (the session's head) with an instruction, and shows the result, which is the new head. One change an " +
    "instruction works best. The same instruction, mask and seed give the same picture.",
  input: editInput,
  async run(given, workspace, context) {
    const opened = workspace.session(given.session);
    return carryOut(opened, opened.session.head, given, workspace, context);
  },
};

/** `branch`: from any node. */
export const branch: Tool<typeof branchInput> = {
  title: "Edit an earlier picture",
  description:
    "Edits any node of the session on a new branch, and shows the result. Existing nodes are kept.",
  input: branchInput,
  async run({ from, ...given }, workspace, context) {
    const opened = workspace.session(given.session);
    return carryOut(opened, nodeOf(opened, from), given, workspace, context);
  },
};

async function carryOut(
  opened: OpenSession,
  from: FileNode,
  { instruction, mask, session: _, sampler, ...rest }: z.output<typeof editInput>,
  workspace: Workspace,
  { mcpReq }: ServerContext,
): Promise<Answer> {
  const { session } = opened;
  const warnings: string[] = [];
  const node = await session.edit(instruction, {
    ...rest,
    sampler: sampler as FileEditOptions["sampler"],
    from,
    mask: await resolveMask(mask, opened, workspace),
    signal: mcpReq.signal,
    onWarning: (message) => void warnings.push(message),
    onProgress: ({ step, steps }) => notifyProgress(mcpReq, step + 1, steps, instruction),
  });
  const picture = await node.render({ signal: mcpReq.signal });
  const change = compareInsideOutside(await from.render(), picture, node.mask);
  warnings.push(...(await session.drift(node)).warnings);
  const where = node.mask
    ? [`Inside the mask ${sayDifference(change.inside)}.`, `Outside of it ${sayDifference(change.outside)}.`]
    : [`Without a mask ${sayDifference(change.inside)}.`];
  const seconds = `${node.cost.seconds.toFixed(1)} s`;
  return {
    text: [
      `"${instruction}" made node ${node.id} from ${from.id} in ${seconds}. ${node.changes?.text ?? ""}`.trimEnd(),
      ...where,
      ...warnings,
    ].join("\n"),
    data: {
      ...nodeData(opened, node),
      seed: node.recipe!.seed,
      seconds: node.cost.seconds,
      changes: node.changes,
      change: { inside: differenceData(change.inside), outside: differenceData(change.outside) },
      understood: node.understood,
      refused: node.refused,
      warnings,
    },
    picture,
  };
}

async function resolveMask(
  mask: z.output<typeof editInput>["mask"],
  { session }: OpenSession,
  { roots }: Workspace,
): Promise<FileEditOptions["mask"]> {
  if (mask === undefined) return mask;
  if (typeof mask === "string") return maskWords(mask, roots);
  if ("file" in mask) return maskWords(mask.file, roots);
  const place = "box" in mask ? mask.box : mask;
  const [x, y, width, height] = Array.isArray(place) ? place : [place.x, place.y, place.width, place.height];
  const { width: wide, height: high } = session.original;
  return maskFromBox(wide, high, { x, y, width, height });
}

/** A mask's words as session.edit takes them, its file looked up within the folders. */
async function maskWords(given: string, roots: Roots): Promise<string> {
  if (/^file:\/\//i.test(given)) return `file:${await roots.existing(given)}`;
  const { kind, name } = parseMaskSpec(given);
  if (kind !== "file") return given;
  const before = given.slice(0, given.lastIndexOf(name)).replace(/file:$/, "");
  return `${before}file:${await roots.existing(name)}`;
}

/** Tells how far an edit is, where the client has asked for it. */
async function notifyProgress(
  { _meta, notify }: ServerContext["mcpReq"],
  progress: number,
  total: number,
  what: string,
): Promise<void> {
  const progressToken = _meta?.progressToken;
  if (progressToken === undefined) return;
  const message = `${what}: step ${progress} of ${total}`;
  await notify({ method: "notifications/progress", params: { progressToken, progress, total, message } });
}
