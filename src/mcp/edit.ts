import type { ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { compareInsideOutside } from "../images/difference.ts";
import { maskFromBox } from "../images/mask.ts";
import { CONTROLS } from "../method/gradient-control.ts";
import { GUIDANCE_RANGES } from "../method/options.ts";
import { PRESETS } from "../method/presets.ts";
import { samplerNames } from "../samplers/index.ts";
import type { FileEditOptions, FileNode } from "../session/file-node.node.ts";
import { type Answer, differenceData, nodeData, sayDifference, sessionInput, type Tool } from "./tool.ts";
import { nodeOf, type OpenSession, type Workspace } from "./workspace.ts";

/** The longest an assistant has reason to say; text encoders read 77 tokens. */
const MAX_INSTRUCTION = 1000;

const settings = {
  instruction: z
    .string()
    .trim()
    .min(1)
    .max(MAX_INSTRUCTION)
    .describe('What should change, as an order: "make it winter", "paint the roof blue".'),
  session: sessionInput,
  mask: z
    .union([
      z.literal("auto"),
      z.strictObject({ x: z.int(), y: z.int(), width: z.int(), height: z.int() }),
      z.strictObject({ file: z.string().min(1) }),
    ])
    .optional()
    .describe(
      'Where the picture may change: a box in pixels of the original picture, "auto" (the model judges where the instruction belongs), or ' +
        "a picture file that is white where it may change. Outside of it every pixel stays as it is. Default: everywhere.",
    ),
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
    .describe("How much is computed: draft to look, balanced (the default), best to keep."),
  steps: z.int().min(1).max(1000).optional().describe("More is finer and slower. Default: the preset's."),
  sampler: z.enum(samplerNames as [string, ...string[]]).optional(),
  textGuidance: z.number().min(0).max(100).optional().describe("How strongly the instruction pulls."),
  imageGuidance: z
    .number()
    .min(GUIDANCE_RANGES.image[0])
    .max(GUIDANCE_RANGES.image[1])
    .optional()
    .describe("How strongly the picture holds."),
  strength: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("How much of the edit is done. Default 1: all of it."),
  gate: z
    .number()
    .min(0)
    .optional()
    .describe(
      "What the edit moves by less than this in the latent is carried over exactly; 0 takes everything, faint changes too. Default: the checkpoint's own.",
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
    "Edits the picture as it stands (the session's head) by an instruction, and shows the result, which is the new head. One change an " +
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
    "Edits any node of the session, as a branch of its own, and shows the result. Nothing that was made before is lost.",
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
    mask: await placeOf(mask, opened, workspace),
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
      `"${instruction}" made node ${node.id} from ${from.id} in ${seconds}.`,
      ...where,
      ...warnings,
    ].join("\n"),
    data: {
      ...nodeData(opened, node),
      seed: node.recipe!.seed,
      seconds: node.cost.seconds,
      change: { inside: differenceData(change.inside), outside: differenceData(change.outside) },
      warnings,
    },
    picture,
  };
}

async function placeOf(
  mask: z.output<typeof editInput>["mask"],
  { session }: OpenSession,
  workspace: Workspace,
): Promise<FileEditOptions["mask"]> {
  if (mask === undefined || mask === "auto") return mask;
  if ("file" in mask) return workspace.roots.existing(mask.file);
  return maskFromBox(session.original.width, session.original.height, mask);
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
