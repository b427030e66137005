import { extname } from "node:path";
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { sessionInput, type Tool } from "./tool.ts";
import { nodeOf } from "./workspace.ts";

const PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff"];

const input = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(`Where to write: ${PICTURES.join(", ")} for the picture, .emilie for the session.`),
  session: sessionInput,
  node: z.string().default("head").describe('Which picture: a node\'s id or name, "original" or "head".'),
  overwrite: z.boolean().default(false).describe("Whether an existing file may be replaced."),
});

/** `export`: a picture at its full size, or the session. */
export const exportFile: Tool<typeof input> = {
  title: "Write a file",
  description:
    "Writes a picture at its full size (with its recipes as metadata), or the session as .emilie, which open can continue. " +
    "Sessions are kept in memory until they are exported.",
  input,
  async run({ path, session: id, node: meant, overwrite }, workspace) {
    const opened = workspace.session(id);
    const { file, exists } = await workspace.roots.target(path);
    const extension = extname(file).toLowerCase();
    const isSession = extension === ".emilie";
    if (!isSession && !PICTURES.includes(extension)) {
      throw new EmilieError(
        "option.invalid",
        `A file is written as ${PICTURES.join(", ")} or .emilie, got ${extension || "a name without extension"}.`,
      );
    }
    const node = nodeOf(opened, meant);
    // A session knows the file it was read from or written to, and refuses any other itself.
    if (exists && !overwrite && !isSession) {
      throw new EmilieError("option.invalid", `${path} exists. Choose another name, or set overwrite.`);
    }
    let warnings: string[] = [];
    if (isSession) await opened.session.save(file, { onChange: overwrite ? "overwrite" : "refuse" });
    else warnings = await node.save(file, { overwrite });
    const what = isSession ? `the session ${opened.id} with ${opened.session.nodes.size} nodes` : node.id;
    return {
      text: [`Wrote ${what} to ${file}.`, ...warnings].join("\n"),
      data: { session: opened.id, node: node.id, path: file, warnings },
    };
  },
};
