/** What runs in the page, and what would run with a server. */
import {
  type Abilities,
  availableSettings,
  describeModel,
  type EditDefaults,
  type EditModel,
  KNOWN_MODELS,
  type ModelDescription,
} from "../../../../src/web.ts";
import { language, t } from "../../words/index.ts";
import type { ModelInfo } from "../backend.ts";

type Translation = Partial<NonNullable<Abilities["translations"]>[string]>;

/** InstructPix2Pix's own sampler is assumed where a model does not say how it is run. */
export function settingsOf(
  defaults: EditDefaults,
  {
    schedulerConfig = { _class_name: "EulerAncestralDiscreteScheduler" },
    guidedBy,
  }: Partial<Pick<EditModel, "schedulerConfig" | "guidedBy">> = {},
) {
  return availableSettings({ defaults, schedulerConfig, guidedBy });
}

/** What a model says that it can do, as the studio shows it: in the page's language where it says it in that. */
export function viewAbilities(
  abilities: Abilities | null | undefined,
): Pick<ModelInfo, "summary" | "can" | "cannot"> {
  if (!abilities) return { summary: t.unstated, can: [], cannot: "" };
  const { summary, limits, titles }: Translation = abilities.translations?.[language] ?? {};
  return {
    summary: summary ?? abilities.summary,
    can: abilities.suggestions.map((one) => ({ ...one, title: titles?.[one.title] ?? one.title })),
    cannot: limits ?? abilities.limits,
  };
}

/** The model that is published with the page; where it cannot be reached, it cannot be chosen either. */
export async function pageModel(folder: string, id: string): Promise<ModelInfo> {
  const view = ({ defaults, nativeSize = 512, abilities }: ModelDescription): ModelInfo => ({
    id,
    title: id,
    ...viewAbilities(abilities),
    nativeSize,
    maxReferences: 0,
    ...settingsOf(defaults),
    gate: defaults.gate ?? 0,
    bytes: __MODEL_BYTES__,
  });
  try {
    return view(await describeModel(folder, { id }));
  } catch (error) {
    const unavailable = error instanceof Error ? error.message : String(error);
    return { ...view({ defaults: {}, nativeSize: undefined, abilities: undefined }), unavailable };
  }
}

/** Models that a page cannot run. */
export const ELSEWHERE: readonly ModelInfo[] = KNOWN_MODELS.map(
  ({ id, title, nativeSize, abilities, license, downloadBytes }) => ({
    id,
    title,
    ...viewAbilities(abilities),
    nativeSize,
    maxReferences: 0,
    ...settingsOf({}),
    gate: 0,
    bytes: downloadBytes,
    license,
    unavailable: t.tooLargeForPage(id),
  }),
);
