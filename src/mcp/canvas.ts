import { z } from "zod";
import type { FileNode } from "../session/file/file-node.node.ts";
import { cropSchema, expandSchema } from "../session/tree/canvas-input.ts";
import { type Answer, nodeData, sessionInput, type Tool } from "./tool.ts";
import { nodeOf, type OpenSession } from "./workspace.ts";

const common = {
  session: sessionInput,
  from: z
    .string()
    .min(1)
    .optional()
    .describe('The node to start from: its id, its name, or "original". Default: the head.'),
};
const cropInput = z.strictObject({ ...cropSchema.shape, ...common });
const expandInput = z.strictObject({ ...expandSchema.shape, ...common });

/** `crop`: a window of the picture. */
export const crop: Tool<typeof cropInput> = {
  title: "Crop the picture",
  description:
    "Crops the picture to a box (x, y, width, height in its pixels) as a separate step, and shows it. The remaining pixels are unchanged. " +
    "Masks of later edits are in the pixels of the cropped picture.",
  input: cropInput,
  async run({ session: id, from, ...box }, workspace, { mcpReq }) {
    const opened = workspace.session(id);
    const node = await opened.session.crop(box, { from: startOf(opened, from) });
    return answer(opened, node, mcpReq.signal);
  },
};

/** `expand`: room around the picture. */
export const expand: Tool<typeof expandInput> = {
  title: "Expand the picture",
  description:
    'Adds a border around the picture (left, top, right, bottom: pixels, or shares such as "25%") as a separate step, and shows it. The picture is ' +
    'unchanged; the border is filled by extending its edges. Then use edit with mask "border" to edit the border with an instruction.',
  input: expandInput,
  async run({ session: id, from, ...sides }, workspace, { mcpReq }) {
    const opened = workspace.session(id);
    const node = await opened.session.expand(sides, { from: startOf(opened, from) });
    return answer(opened, node, mcpReq.signal);
  },
};

function startOf(opened: OpenSession, from: string | undefined): FileNode {
  return from === undefined ? opened.session.head : nodeOf(opened, from);
}

async function answer(opened: OpenSession, node: FileNode, signal: AbortSignal): Promise<Answer> {
  const picture = await node.render({ signal });
  await opened.session.drift(node, { signal });
  const { changes } = node;
  return {
    text: `Node ${node.id} from ${node.parent!.id}. ${changes?.text ?? ""}`.trimEnd(),
    data: { ...nodeData(opened, node), changes },
    picture,
  };
}
