import type { ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { compareInsideOutside } from "../images/difference.ts";
import { maskFromBox } from "../images/mask.ts";
import { parseMaskSpec } from "../images/mask-spec.ts";
import { checkReferenceCount } from "../method/capabilities.ts";
import { editShape, fromJson, INSTRUCTION, pickSettings, WEIGHT } from "../method/settings-derived.ts";
import type { FileNode, MaskSource } from "../session/file/file-node.node.ts";
import { MAX_REGIONS } from "../session/tree/check-edit.ts";
import type { Roots } from "./roots.ts";
import { type Answer, differenceData, nodeData, sayDifference, sessionInput, type Tool } from "./tool.ts";
import { nodeOf, type OpenSession, type Workspace } from "./workspace.ts";

const box = z.strictObject({ x: z.int(), y: z.int(), width: z.int(), height: z.int() });
const PLACE_FORMS =
  'a box in whole pixels of the picture that is edited ({"x": 40, "y": 30, "width": 48, "height": 40}, or [40, 30, 48, 40]), or ' +
  'a picture file that is white where the picture may change ("roof.png", or {"file": "roof.png"})';
const MASK_FORMS = `${PLACE_FORMS}, or "auto" (the model judges where the instruction belongs), or "border" (what expand has added)`;
const places = [
  box,
  z.strictObject({ box: z.union([box, z.tuple([z.int(), z.int(), z.int(), z.int()])]) }),
  z.tuple([z.int(), z.int(), z.int(), z.int()]),
  z.strictObject({ file: z.string().trim().min(1) }),
  z.string().trim().min(1),
] as const;
const maskInput = z
  .union([z.literal("auto"), ...places], { error: `expected ${MASK_FORMS}` })
  .optional()
  .describe(
    `Where the picture may change: ${MASK_FORMS}. Outside it every pixel is unchanged. Default: everywhere.`,
  );
const regionMask = z
  .union(places, { error: `expected ${PLACE_FORMS}` })
  .optional()
  .describe(`Where this instruction applies: ${PLACE_FORMS}. Default: everywhere.`);

const input = {
  instruction: INSTRUCTION.trim().describe(
    'What should change, as an order: "make it winter", "paint the roof blue".',
  ),
  session: sessionInput,
  mask: maskInput,
  references: z
    .array(z.string().trim().min(1))
    .max(16)
    .optional()
    .describe(
      "Picture files that the instruction refers to, for models that accept reference pictures (open says how many).",
    ),
  regions: z
    .array(
      z.strictObject({
        instruction: INSTRUCTION.trim(),
        mask: regionMask,
        weight: WEIGHT.optional().describe("Replaces textGuidance; a negative value pushes away."),
      }),
    )
    .max(MAX_REGIONS - 1)
    .optional()
    .describe("Further instructions with their own masks, in the same pass."),
  ...editShape(),
};

const editInput = z.strictObject(input);
const branchInput = z.strictObject({
  ...input,
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
  { instruction, mask, references, regions, ...given }: z.output<typeof editInput>,
  workspace: Workspace,
  { mcpReq }: ServerContext,
): Promise<Answer> {
  const { session } = opened;
  const warnings: string[] = [];
  checkReferenceCount(session.model, references?.length ?? 0);
  const node = await session.edit(instruction, {
    ...fromJson(pickSettings(given)),
    from,
    mask: await resolveMask(mask, from, workspace),
    references: await Promise.all((references ?? []).map((name) => workspace.roots.existing(name))),
    regions: await Promise.all(
      (regions ?? []).map(async (region) => ({
        ...region,
        mask: await resolveMask(region.mask, from, workspace),
      })),
    ),
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
      ...(node.phrases.length > 0 ? [`The model understood it as: ${node.phrases.join("; ")}.`] : []),
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
      phrases: node.phrases,
      warnings,
    },
    picture,
  };
}

async function resolveMask(
  mask: z.output<typeof maskInput>,
  from: FileNode,
  { roots }: Workspace,
): Promise<MaskSource | undefined> {
  if (mask === undefined) return mask;
  if (typeof mask === "string") return maskWords(mask, roots);
  if ("file" in mask) return maskWords(mask.file, roots);
  const place = "box" in mask ? mask.box : mask;
  const [x, y, width, height] = Array.isArray(place) ? place : [place.x, place.y, place.width, place.height];
  const { width: wide, height: high } = from.size;
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
