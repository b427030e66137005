/** Chains of edits without masks, as a session would have them, for what is said of drift. */
import type { Picture } from "../../src/images/picture.ts";
import { measureDrift } from "../../src/session/tree/drift.ts";
import { type Node, pathTo } from "../../src/session/tree/tree.ts";
import { TreeNode } from "../../src/session/tree/tree-node.ts";

function chainOf(pictures: readonly Picture[]): Node {
  return pictures.reduce<Node | null>((parent, picture, i) => {
    const latent = { data: new Float32Array(4), shape: [1, 2, 2] };
    const cost = { seconds: 0, unetCalls: 0 };
    const { width, height } = picture;
    const size = { width, height };
    const record = { id: String(i), parent, recipe: null, latent, changed: true, cost, size };
    const edit = () => Promise.reject(new Error("it has no session"));
    return new TreeNode(record, { render: async () => picture, carried: () => undefined, edit });
  }, null)!;
}

/** The pictures are an original and what came out of one edit after the other. Which of the edits is warned of? */
export async function warnedOf(pictures: readonly Picture[]): Promise<boolean[]> {
  const last = chainOf(pictures);
  await measureDrift(last);
  return pathTo(last)
    .slice(1)
    .map((node) => node.drift!.warnings.length > 0);
}
