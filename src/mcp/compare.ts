import { z } from "zod";
import { strip, thumbnail } from "../images/strip.ts";
import { differenceData, sayDifference, sessionInput, type Tool } from "./tool.ts";
import { nodeOf } from "./workspace.ts";

const input = z.strictObject({
  session: sessionInput,
  a: z
    .string()
    .default("original")
    .describe('A node: its id, its name, "original" or "head". Default: the original.'),
  b: z.string().default("head").describe("Another node. Default: the head."),
});

/** `compare`: two nodes side by side, and by numbers. */
export const compare: Tool<typeof input> = {
  title: "Compare two pictures",
  description:
    "Shows two nodes of the session side by side and says how much differs, inside and outside the masks of the edits between them.",
  input,
  readOnly: true,
  async run({ session: id, a, b }, workspace, { mcpReq: { signal } }) {
    const opened = workspace.session(id);
    const [first, second] = [nodeOf(opened, a), nodeOf(opened, b)];
    const { inside, outside } = await opened.session.compare(first, second, undefined, { signal });
    const frames = await Promise.all(
      [first, second].map(async (node) => ({
        picture: thumbnail(await node.render({ signal })),
        caption: node.name ?? (node.instruction || "original"),
      })),
    );
    return {
      text: `${first.id} and ${second.id}. Where edits were allowed: ${sayDifference(inside)}. Elsewhere: ${sayDifference(outside)}.`,
      data: {
        session: opened.id,
        a: first.id,
        b: second.id,
        inside: differenceData(inside),
        outside: differenceData(outside),
      },
      picture: strip(frames),
    };
  },
};
