/** The server's messages as the studio's own views. */
import type * as api from "../../../../src/client/index.ts";
import { type Drift, KNOWN_MODELS } from "../../../../src/web.ts";
import { t } from "../../words/index.ts";
import type { CallState, ModelInfo, NodeView, SessionView } from "../backend.ts";
import { settingsOf, viewAbilities } from "../page/models.ts";
import { viewRecipe } from "../recipe-view.ts";

function viewNode({
  id,
  parent,
  name,
  instruction,
  recipe,
  hasMask,
  width,
  height,
  canvas,
  changed,
  understood,
  refused,
  cost,
  drift,
  changes,
}: api.Node): NodeView {
  return {
    id,
    parent,
    name: name ?? undefined,
    instruction,
    ...viewRecipe(recipe),
    references:
      recipe && "references" in recipe && Array.isArray(recipe.references) ? recipe.references.length : 0,
    hasMask,
    ...{ width, height, canvas: canvas ?? undefined },
    changed,
    understood,
    refused,
    seconds: cost.seconds,
    drift: drift ? viewDrift(drift) : undefined,
    changes: changes ?? undefined,
  };
}

/** JSON has no Infinity: equal pictures have a PSNR of null there. */
function viewDrift(drift: api.Drift): Drift {
  const both = ({ inside, outside }: api.Comparison) => ({
    inside: { ...inside, psnr: inside.psnr ?? Number.POSITIVE_INFINITY },
    outside: { ...outside, psnr: outside.psnr ?? Number.POSITIVE_INFINITY },
  });
  return { ...drift, parent: both(drift.parent), original: both(drift.original) };
}

export function viewSession(session: api.Session): SessionView {
  const { id, name, model, head, nodes, bin, familiar } = session;
  const { width, height } = nodes.find((node) => node.id === head) ?? session;
  return {
    id,
    name,
    model,
    width,
    height,
    head,
    familiar,
    nodes: nodes.map(viewNode),
    bin: bin.map(viewNode),
  };
}

export function viewLoading(loading: api.ModelInfo["loading"]): CallState["making"] {
  if (!loading) return null;
  const { what, bytes, totalBytes, secondsLeft } = loading;
  return { what, fraction: Math.min(1, bytes / totalBytes), secondsLeft };
}

/** Of the precision that is taken; where none works, of the one that needs least. */
function viewPlan({ takes, precisions }: NonNullable<api.ModelInfo["plan"]>): ModelInfo["plan"] {
  const least = [...precisions].sort((a, b) => a.memoryBytes - b.memoryBytes)[0];
  const one = precisions.find(({ precision }) => precision === takes) ?? least;
  if (!one) return undefined;
  const { memoryBytes, derivedBytes: diskBytes, works } = one;
  return { precision: takes, memoryBytes, diskBytes, slowly: works === "slowly" };
}

export function viewModel(model: api.ModelInfo): ModelInfo {
  const known = KNOWN_MODELS.find(({ id }) => id === model.id);
  const usable = model.state === "available" || model.state === "selected";
  const pull = model.pull && { ...model.pull, error: model.pull.error?.message ?? null };
  return {
    id: model.id,
    title: known?.title ?? model.id,
    ...viewAbilities(model.abilities),
    nativeSize: model.nativeSize ?? 512,
    maxReferences: model.maxReferences,
    ...(model.settings ?? settingsOf(model.defaults)),
    gate: model.defaults.gate ?? 0,
    bytes: model.bytes ?? model.downloadBytes ?? undefined,
    license: model.license ?? undefined,
    plan: model.plan ? viewPlan(model.plan) : undefined,
    unavailable: usable ? undefined : (model.problem ?? t.notHereYet),
    // What is in the cache and cannot be used may be half of a download.
    fetchable: !usable && (model.from === "hub" || model.from === "cache"),
    pull: pull ?? undefined,
  };
}
