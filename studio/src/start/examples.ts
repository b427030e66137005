/** Pictures of the model's own world, to try it on. */

import { changeRegion } from "../state/mask.ts";
import { openFile } from "../state/session.ts";
import { get, report } from "../state/store.ts";
import { t } from "../words/index.ts";
import { EXAMPLES } from "./example-list.ts";

export async function openExample(name: (typeof EXAMPLES)[number]["name"]): Promise<void> {
  try {
    const response = await fetch(`./examples/${name}.png`);
    if (!response.ok) throw new Error(t.exampleFailed(response.status));
    await openFile(await response.blob(), `${name}.png`);
    // One press of Enter away from a first edit, unless something was written while the model was loaded.
    const words = EXAMPLES.find((one) => one.name === name)!.words;
    const { session, region, regions } = get();
    const isWritten = regions.some(({ instruction }) => instruction.trim() !== "");
    if (session?.name === name && !isWritten) changeRegion(region, { instruction: words });
  } catch (error) {
    report(error);
  }
}
