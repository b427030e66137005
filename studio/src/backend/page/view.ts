/** A session of the library as the plain values that the studio shows. */
import type { Node, Session } from "../../../../src/web.ts";
import type { NodeView, SessionView } from "../backend.ts";
import { viewRecipe } from "../recipe-view.ts";

export function viewNode(node: Node): NodeView {
  const { id, parent, name, instruction, recipe, changed, understood, refused, cost, drift, changes } = node;
  const { size, canvas } = node;
  return {
    id,
    parent: parent?.id ?? null,
    name,
    instruction,
    ...viewRecipe(recipe),
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
    model: session.modelFacts.id,
    width: session.head.size.width,
    height: session.head.size.height,
    head: session.head.id,
    nodes: nodes.filter((node) => !bin.has(node.id)),
    bin: nodes.filter((node) => bin.has(node.id)),
    familiar,
  };
}
