import { z } from "zod";
import type { Tool } from "./tool.ts";

const input = z.strictObject({
  session: z.string().min(1).describe('Which session, as open called it ("s1").'),
});

/** `close`: a session is forgotten. */
export const close: Tool<typeof input> = {
  title: "Close a session",
  description: "Closes a session and frees its memory. Edits that were not exported are lost.",
  input,
  async run({ session }, workspace) {
    const { id, name } = workspace.close(session);
    return { text: `Closed ${id} (${name}).`, data: { session: id } };
  },
};
