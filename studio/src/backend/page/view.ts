/** A session of the library as the plain values that the studio shows. */
import { EmilieError, encodePng, type Mask, type Node, type Session } from "../../../../src/web.ts";
import { t } from "../../words/index.ts";
import type { NodeView, SessionView } from "../backend.ts";
import { referenceName, viewRecipe } from "../recipe-view.ts";
import { modelOfRecipe } from "./page-models.ts";

export function viewNode(node: Node): NodeView {
  const { id, parent, name, instruction, recipe, changed, understood, refused, cost, drift, changes } = node;
  const { size, canvas } = node;
  return {
    id,
    parent: parent?.id ?? null,
    name,
    instruction,
    ...viewRecipe(recipe),
    references: recipe?.references?.length ?? 0,
    hasMask: canvas
      ? canvas.kind === "expand"
      : (recipe?.regions.every(({ mask }) => mask !== null) ?? false),
    ...{ width: size.width, height: size.height, canvas },
    changed,
    understood,
    refused,
    seconds: cost.seconds,
    drift,
    changes,
  };
}

export function viewSession(
  id: string,
  name: string,
  session: Session,
  bin: ReadonlySet<string>,
  familiar: boolean | null,
): SessionView {
  const { device } = session.model;
  const nodes = [...session.nodes.values()].map(viewNode);
  return {
    id,
    name,
    device: device && { gpu: device.name === "webgpu", reason: device.reason },
    model: modelOfRecipe(session.modelFacts.id),
    width: session.head.size.width,
    height: session.head.size.height,
    head: session.head.id,
    nodes: nodes.filter((node) => !bin.has(node.id)),
    bin: nodes.filter((node) => bin.has(node.id)),
    familiar,
  };
}

/** Where a node was allowed to change, of one region or of all; null: everywhere. */
export function maskOf({ masks }: Session, { recipe, mask }: Node, region?: number): Mask | null {
  if (region === undefined) return mask ?? null;
  const own = recipe?.regions[region]?.mask;
  const held = own && masks.get(own.sha256);
  // One of a single value may be held at another shape.
  return held ? { ...held, width: own.width, height: own.height } : null;
}

/** The pictures that a node's instruction refers to. @throws EmilieError "session.damaged" where one is lost */
export function referencesOf({ references }: Session, { recipe }: Node): Promise<File[]> {
  const named = recipe?.references ?? [];
  return Promise.all(
    named.map(async ({ sha256 }, i) => {
      const picture = references.get(sha256);
      if (!picture) throw new EmilieError("session.damaged", t.references.lost);
      return new File([new Uint8Array(await encodePng(picture))], referenceName(i), { type: "image/png" });
    }),
  );
}
