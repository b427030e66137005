/** Pictures of the model's own world, to try it on. */

import { changeRegion } from "../state/mask.ts";
import { openFile } from "../state/session.ts";
import { get, report } from "../state/store.ts";
import { t } from "../words/index.ts";

export const EXAMPLES = [
  { name: "cottage", words: "paint the roof blue" },
  { name: "lake", words: "make it winter" },
  { name: "meadow", words: "make it sunset" },
  { name: "road", words: "make it night" },
] as const;

export async function openExample(name: (typeof EXAMPLES)[number]["name"]): Promise<void> {
  try {
    const response = await fetch(`./examples/${name}.png`);
    if (!response.ok) throw new Error(t.exampleFailed(response.status));
    await openFile(await response.blob(), `${name}.png`);
    // One press of Enter away from a first edit.
    const words = EXAMPLES.find((one) => one.name === name)!.words;
    if (get().session?.name === name) changeRegion(get().region, { instruction: words });
  } catch (error) {
    report(error);
  }
}
