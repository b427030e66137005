import { z } from "zod";
import { sessionInput, type Tool } from "./tool.ts";

const input = z.strictObject({ session: sessionInput });

/** `history`: the tree of a session, in words. */
export const history: Tool<typeof input> = {
  title: "List the edits",
  description: "Lists all nodes of the session: instruction, parent, seed, and which node is the head.",
  input,
  readOnly: true,
  async run({ session: id }, workspace) {
    const { id: own, name, session } = workspace.session(id);
    const nodes = [...session.nodes.values()].map((node) => ({
      node: node.id,
      parent: node.parent?.id ?? null,
      instruction: node.instruction || null,
      name: node.name ?? null,
      seed: node.recipe?.seed ?? null,
      masked: !node.canvas && (node.recipe?.regions.every(({ mask }) => mask !== null) ?? false),
      width: node.size.width,
      height: node.size.height,
    }));
    const lines = nodes.map(({ node, parent, instruction, masked }) => {
      const head = node === session.head.id ? "  ← head" : "";
      const from = parent ? ` from ${parent}${masked ? ", with a mask" : ""}` : "";
      return `${node}  ${instruction ?? "original"}${from}${head}`;
    });
    return {
      text: [`Session ${own}, ${name}:`, ...lines].join("\n"),
      data: { session: own, head: session.head.id, nodes },
    };
  },
};
