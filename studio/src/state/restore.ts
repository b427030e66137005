/** A PNG that emilie wrote tells the steps that made it: they are made again on their original. */
import {
  type CanvasChange,
  maskFromPicture,
  type PicturePath,
  type Recipe,
  readPicture,
  readPicturePath,
} from "../../../src/web.ts";
import type { CanvasRequest } from "../backend/backend.ts";
import { chooseFile } from "../start/pick-file.ts";
import { t } from "../words/index.ts";
import { run } from "./job.ts";
import { openFile, resume } from "./session.ts";
import { get, notify, report } from "./store.ts";
import { show } from "./view.ts";

/** Offers to restore the steps of a file that was just opened. */
export async function offerRestore(file: Blob): Promise<void> {
  const path = readPicturePath(new Uint8Array(await file.arrayBuffer()));
  if (!path) return;
  // A picture's file tells which pictures its steps refer to, and does not hold them.
  if (path.steps.some(({ recipe }) => (recipe.references ?? []).length > 0)) {
    notify("info", t.references.notInPicture);
    return;
  }
  const count = path.steps.length;
  notify("info", t.madeInSteps(count), { label: t.restoreSteps(count), run: () => void restore(path) });
}

async function restore(path: PicturePath): Promise<void> {
  try {
    if (!(await openOriginal(path.original.id))) return;
    const { session } = get();
    if (session?.nodes[0]?.id !== path.original.id) {
      notify("error", t.otherOriginal);
      return;
    }
    await run(
      { kind: "replay", title: t.restoreSteps(path.steps.length), steps: 0, count: path.steps.length },
      async (call, next) => {
        let from = session.nodes[0]!.id;
        for (const [index, { recipe }] of path.steps.entries()) {
          if (index > 0) next(index + 1);
          const view = recipe.canvas
            ? await get().backend.changeCanvas(session.id, from, changeOf(recipe.canvas, sizeOf(from)), call)
            : await get().backend.edit(session.id, { ...(await requestOf(recipe, path)), from }, call);
          from = view.head;
          await show(view);
        }
      },
    );
  } catch (error) {
    report(error);
  }
}

/** The session of the picture that the steps start from, or else its file; false where neither was given. */
async function openOriginal(id: string): Promise<boolean> {
  if (get().session?.nodes[0]?.id === id) return true;
  const known = (await get().backend.sessions()).find(({ root }) => root === id);
  if (known) {
    await resume(known.id);
    return true;
  }
  notify("info", t.chooseOriginal);
  const file = await chooseFile();
  if (!file) return false;
  await openFile(file, file.name);
  return true;
}

function sizeOf(node: string): { width: number; height: number } {
  const { session } = get();
  return session!.nodes.find(({ id }) => id === node) ?? session!;
}

/** A recipe's canvas as what is asked for. */
function changeOf(
  { kind, x, y, width, height }: CanvasChange,
  before: { readonly width: number; readonly height: number },
): CanvasRequest {
  if (kind === "crop") return { crop: { x, y, width, height } };
  return {
    expand: { left: -x, top: -y, right: x + width - before.width, bottom: y + height - before.height },
  };
}

async function requestOf(recipe: Recipe, { masks }: PicturePath) {
  const {
    seed,
    steps,
    sampler,
    textGuidance,
    imageGuidance,
    control,
    strength = 1,
    gate = 0,
    detail = "off" as const,
  } = recipe;
  const regions = recipe.regions.map(async ({ instruction, weight, mask }) => {
    const png = mask && masks[mask.sha256];
    const bytes = png && Uint8Array.from(atob(png), (char) => char.charCodeAt(0));
    return { instruction, weight, mask: bytes ? maskFromPicture(await readPicture(bytes)) : undefined };
  });
  return {
    ...{ steps, sampler, textGuidance, imageGuidance, control, strength, gate, detail },
    seed: BigInt(seed),
    regions: await Promise.all(regions),
  };
}
