import { z } from "zod";
import { suggestionsOf } from "../checkpoint/abilities.ts";
import type { Abilities } from "../method/edit-model.ts";
import { openShape } from "../method/settings-derived.ts";
import { nodeData, type Tool } from "./tool.ts";

const input = z.strictObject({
  path: z.string().min(1).describe("A picture (PNG, JPEG, WebP, AVIF, TIFF) or a saved session (.emilie)."),
  ...openShape(),
});

/** `open`: a picture or a saved session becomes a session to edit. */
export const open: Tool<typeof input> = {
  title: "Open a picture",
  description:
    "Opens a picture file or a saved session (.emilie), and shows it. Relative paths start in the server's first folder. " +
    "Answers with the session's id and the id of its original node.",
  input,
  async run({ path, ...opening }, workspace, { mcpReq }) {
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    const opened = await workspace.open(path, { ...opening, signal: mcpReq.signal, onWarning });
    const { session } = opened;
    const { model } = session;
    const { width, height } = session.head.size;
    warnings.push(...session.warnings.map(({ message }) => message));
    const edits = session.nodes.size - 1;
    const data = {
      ...nodeData(opened, session.head),
      nodes: session.nodes.size,
      model: { id: model.id, nativeSize: model.nativeSize, abilities: model.abilities ?? null },
      warnings,
    };
    const text = [
      `Session ${opened.id}: ${opened.name}, ${width}×${height}, ${edits} edits so far, at node ${session.head.id}.`,
      `The model is ${model.id}, made for pictures of about ${model.nativeSize} px.`,
      ...describeAbilities(model.abilities),
      ...warnings,
    ].join("\n");
    return { text, data, picture: await session.head.render({ signal: mcpReq.signal }) };
  },
};

/** What the model can do, so that an assistant asks for what it knows. */
function describeAbilities(abilities: Abilities | undefined): string[] {
  if (!abilities) return [];
  const suggestions = suggestionsOf(abilities).map((one) => `"${one}"`);
  const known = suggestions.length > 0 ? [`Instructions that work: ${suggestions.join(", ")}.`] : [];
  return [`${abilities.summary} ${abilities.limits}`.trim(), ...known];
}
