/** Which editor a photograph is edited with where none was named: one that is here, or one that may be pulled. Nothing is downloaded unasked. */
import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import type { KnownModel } from "../checkpoint/known-models.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { EmilieError } from "../errors.ts";
import { looksLikePhotograph } from "../images/photograph.ts";
import type { Picture } from "../images/picture.ts";
import { machineNow } from "../models/fit.node.ts";
import { listModels } from "../models/list.node.ts";
import { SHIPPED } from "../models/load.node.ts";
import { offers, planOfKnown } from "../models/offers.ts";
import type { Machine, ModelPlan } from "../models/plan.ts";
import { type EditOperations, secondsOfEdit } from "../models/speed.ts";
import { formatLarge, type Output } from "./output.ts";
import { sayPlans } from "./plans.ts";
import { pullTold } from "./pull.ts";
import { sayTable } from "./table.ts";

const DEFAULT = SHIPPED[0]!;

/**
 * The model of an edit for which none was named. `yes`: what would be asked is answered with yes.
 *
 * @throws EmilieError "model.unsuited" where a photograph has no editor here, and none is to be pulled
 */
export async function modelForPicture(
  image: string,
  picture: Picture,
  yes: boolean,
  output: Output,
): Promise<string> {
  if (!looksLikePhotograph(picture)) return DEFAULT;
  const { models } = await listModels();
  const here = models.find(({ id, problem }) => problem === null && !SHIPPED.includes(id));
  const what = `${basename(image)} looks like a photograph, and ${DEFAULT} was made for drawings of its own kind.`;
  if (here) {
    if (yes || (await agrees(`${what} Edit it with ${here.id}?`, output))) return here.id;
    throw unsuited(`${what} To edit it with ${here.id}, give --model ${here.id}, or --yes.`);
  }
  const offer = offerFor(await machineNow(cacheFolder()));
  if (!offer) throw unsuited(`${what} No model for photographs fits this machine.`);
  const said = `${offer.title} edits photographs: ${formatLarge(offer.downloadBytes, "B")} to download, licence ${offer.license.name}`;
  if (!yes && !(await agrees(`${what} ${said}. Pull ${offer.id} now?`, output))) {
    throw unsuited(
      `${what} ${said}. Run emilie pull ${offer.id}; or give --yes, and this command pulls it and continues.`,
    );
  }
  return (await pullTold(offer.id, undefined, output)).id;
}

function unsuited(message: string): EmilieError {
  return new EmilieError("model.unsuited", `${message} --model ${DEFAULT} edits it nevertheless.`);
}

/** The first that fits. */
function offerFor(machine: Machine): KnownModel | undefined {
  return offers().find((known) => planOfKnown(known, machine).takes !== null);
}

/** False where nobody can be asked. */
async function agrees(question: string, output: Output): Promise<boolean> {
  if (!output.isTerminal || !process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^(y|yes)$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** An editor that is not here, with what it would take on this machine. */
export interface Offer extends KnownModel {
  readonly plan: ModelPlan;
  /** An edit with default settings, by precision; null where the processor could not be measured. */
  readonly seconds: Readonly<Record<string, number>> | null;
}

export function offersFor(here: readonly string[], machine: Machine, flopsPerSecond: number | null): Offer[] {
  const away = offers().filter(({ id }) => !here.includes(id));
  return away.map((known) => {
    const plan = planOfKnown(known, machine);
    const seconds = flopsPerSecond === null ? null : secondsByPrecision(known.edit, plan, flopsPerSecond);
    return { ...known, plan, seconds };
  });
}

export function secondsByPrecision(
  edit: EditOperations,
  { precisions }: ModelPlan,
  flopsPerSecond: number,
): Record<string, number> {
  return Object.fromEntries(
    precisions.map(({ precision }) => [precision, secondsOfEdit(edit, precision, flopsPerSecond)]),
  );
}

export function sayOffers(offered: readonly Offer[], output: Output): void {
  if (offered.length === 0) return;
  output.say("\nModels that can be pulled with emilie pull NAME:");
  sayTable(
    output,
    [
      ["name", "licence", "download", "pictures", "run by this project with its real weights"],
      ...offered.map(({ id, license, downloadBytes, nativeSize, tried }) => [
        id,
        license.name,
        formatLarge(downloadBytes, "B"),
        `${nativeSize} px`,
        tried ? "yes" : "no",
      ]),
    ],
    [0, 1, 4],
  );
  output.say();
  for (const { id, license, abilities } of offered) {
    output.say(`  ${id}: ${abilities.summary} ${abilities.limits}`);
    output.say(`    Licence: ${license.name}. ${license.says}`);
  }
  sayPlans(offered, output);
}
