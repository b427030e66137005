import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { nodeData, sessionInput, type Tool } from "./tool.ts";

const input = z.strictObject({ session: sessionInput });

function move(way: "undo" | "redo", nothing: string, description: string): Tool<typeof input> {
  return {
    title: way === "undo" ? "Undo" : "Redo",
    description,
    input,
    async run({ session: id }, workspace, { mcpReq: { signal } }) {
      const opened = workspace.session(id);
      const node = opened.session[way]();
      if (!node) throw new EmilieError("option.invalid", nothing);
      const called = node.instruction ? `"${node.instruction}"` : "the original";
      return {
        text: `The head is ${called} (${node.id}).`,
        data: nodeData(opened, node),
        picture: await node.render({ signal }),
      };
    },
  };
}

/** `undo`: the head moves to its parent. */
export const undo = move(
  "undo",
  "Nothing can be undone: the head is the original.",
  "Moves the session's head back to the picture that the last one was made from, and shows it. Nothing is lost.",
);

/** `redo`: and back. */
export const redo = move(
  "redo",
  "Nothing can be redone: nothing was made from the head.",
  "Moves the session's head forward again, to where it was before undo, and shows it.",
);
