/** What a model is, and what it would take of a page, before any of its weights is fetched. */
import { abilitiesOf } from "../checkpoint/abilities.ts";
import { openKeptFolder, readAbout, writeAbout } from "../checkpoint/kept-folder.web.ts";
import { keptSource } from "../checkpoint/kept-source.web.ts";
import { webSource } from "../checkpoint/source.web.ts";
import { EmilieError } from "../errors.ts";
import type { Abilities, EditDefaults, EditModel } from "../method/edit-model.ts";
import { architectureOf } from "./architectures.ts";
import { addressOf, type WebLoadOptions, type WebPrecision } from "./load.web.ts";
import { lackOf, type PagePlan, planPage } from "./plan-page.ts";
import { roomOfPage } from "./room.web.ts";

/** What is known of a checkpoint before its weights are fetched. */
export interface InspectedModel {
  /** Of which family, for people. */
  readonly family: string;
  /** The picture size (longer side) that it was trained at, in pixels. */
  readonly nativeSize: number;
  /** What has to be known of it, its licence among that, in sentences. */
  readonly notes: readonly string[];
  /** What it states for its edits. */
  readonly defaults: EditDefaults;
  /** What it can do, where it is known. */
  readonly abilities: Abilities | undefined;
  /** scheduler_config.json, by which samplers and presets are told. */
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  /** By what its answers can be guided. */
  readonly guidedBy: EditModel["guidedBy"];
  /** The most exact precision that fits into this page, or the one that takes least. */
  readonly precision: WebPrecision;
  /** What it takes of the page in that precision. */
  readonly plan: PagePlan;
  /** What the page has too little of; null where the model fits. */
  readonly lack: string | null;
}

/** For a page, the most exact first. */
const OFFERED = ["int8", "int4", "fp32"] as const;
/** Beyond that a model of int8 takes int4: people's disks are small, and so are tabs. */
const MOST_STORED = 2.5e9;

/**
 * Reads configurations and headers from the address of a checkpoint's folder, and keeps them for the load that may follow.
 *
 * @throws EmilieError "checkpoint.*" where it cannot be used, "io.failed" where it cannot be fetched, "runtime.missing" where the browser keeps nothing
 */
export async function inspectModel(
  baseUrl: string,
  { id = baseUrl, fetch }: Pick<WebLoadOptions, "id" | "fetch"> = {},
): Promise<InspectedModel> {
  const address = addressOf(baseUrl);
  const remote = webSource(address, id, fetch);
  // Where there is no model, nothing is to be left of it.
  await architectureOf(remote);
  const folder = await openKeptFolder(address);
  const source = await keptSource(remote, folder);
  const facts = await (await architectureOf(source)).describe(source);
  if (!(await readAbout(folder))) await writeAbout(folder, { address, id, ready: {} });
  const room = await roomOfPage();
  const all = OFFERED.flatMap((precision) => {
    const plan = planPage(facts, precision, { memory: "low", memoryBytes: room.memoryBytes });
    if (!plan) return [];
    const lack =
      lackOf(plan, room) ??
      (plan.storageBytes > MOST_STORED ? `more than ${MOST_STORED / 1e9} GB of storage` : null);
    return [{ precision, plan, lack }];
  });
  const best =
    all.find(({ lack }) => lack === null) ?? all.sort((a, b) => a.plan.storageBytes - b.plan.storageBytes)[0];
  if (!best)
    throw new EmilieError("checkpoint.unsupported", `${id} has no precision that a page computes in.`);
  const { family, nativeSize, notes, own, schedulerConfig, guidedBy } = facts;
  const abilities = abilitiesOf(id, own);
  return { family, nativeSize, notes, defaults: own.defaults, abilities, schedulerConfig, guidedBy, ...best };
}
