/** What is made from the table of settings (settings.ts), for every interface, for recipes and for the method's own check. */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { MAX_TEXT } from "../limits.ts";
import { type PresetName, type Setting, says, shown } from "./setting.ts";
import {
  type AllSettings,
  type EditDefaults,
  type EditSettings,
  type InJson,
  type OpenSettings,
  type PresetSettings,
  type RecordedSettings,
  SETTINGS,
  type SessionSettings,
} from "./settings.ts";

export type SettingName = keyof AllSettings;
type Row = Setting;

const allRows = () => Object.entries(SETTINGS) as unknown as [name: SettingName, row: Row][];

/** The table as a list, without what only recipes of earlier versions have. */
export function settingRows(): [name: SettingName, row: Row][] {
  return allRows().filter(([, { scope }]) => scope !== "retired");
}

interface Scopes {
  readonly edit: EditSettings;
  readonly session: Omit<SessionSettings, keyof EditSettings>;
  readonly opening: OpenSettings;
}

/** The names of the settings of one scope. */
export function settingNames<S extends keyof Scopes>(of: S): { readonly [K in keyof Scopes[S]]-?: true } {
  const names = settingRows().filter(([, { scope = "edit" }]) => scope === of);
  return Object.fromEntries(names.map(([name]) => [name, true])) as { [K in keyof Scopes[S]]-?: true };
}

/** Of settings those of one scope. */
export function settingsOfScope<S extends keyof Scopes>(of: S, settings: Partial<AllSettings>): Scopes[S] {
  const names = settingNames(of);
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name in names)) as Scopes[S];
}

const rowsOfEdits = () => settingRows().filter(([, { scope }]) => scope !== "opening");
const recordedRows = () => allRows().filter(([, { recipe }]) => recipe !== undefined);
const isSame = (a: unknown, b: unknown) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** An edit's settings in JSON or YAML: scripts, requests, and jobs that wait. */
export type SettingsInJson = { -readonly [K in keyof SessionSettings]?: InJson<K> | undefined };

/** Whose default it is, in words. */
export function defaultOf({ defaultText, byPreset, fallback }: Row): string {
  return defaultText ?? (byPreset ? "the preset's" : fallback === "" ? "empty" : String(fallback));
}

/** "Number of denoising steps; more is finer and slower. Default: the preset's." What is allowed, schemas say themselves. */
export function sentenceOf(row: Row): string {
  const { help } = row;
  return `${help[0]!.toUpperCase()}${help.slice(1)}. Default: ${defaultOf(row)}.`;
}

type Optional<T> = z.ZodOptional<z.ZodType<T, T>>;
type Shape<T> = { [K in keyof T]-?: Optional<Exclude<T[K], undefined>> };

function shapeOf(rows: readonly (readonly [SettingName, Row])[]): unknown {
  return Object.fromEntries(
    rows.map(([name, row]) => [name, (row.json as z.ZodType).optional().describe(sentenceOf(row))]),
  );
}

/** The zod shape of an edit's settings in JSON, each optional and described. */
export function editShape(): Shape<SettingsInJson> {
  return shapeOf(rowsOfEdits()) as Shape<SettingsInJson>;
}

/** The same of the settings that a session is opened with. */
export function openShape(): Shape<OpenSettings> {
  return shapeOf(settingRows().filter(([, { scope }]) => scope === "opening")) as Shape<OpenSettings>;
}

/** The same of those that the extension of OpenAI's API takes. */
export function openaiShape(): Shape<Pick<SettingsInJson, "seed" | "steps">> {
  return shapeOf(settingRows().filter(([, { openai }]) => openai)) as Shape<
    Pick<SettingsInJson, "seed" | "steps">
  >;
}

/** What a checkpoint may state. A sampler is a name here: which there are is known when it is used. */
export function statedShape(): Shape<EditDefaults> {
  return shapeOf(settingRows().filter(([, { stated }]) => stated)) as Shape<EditDefaults>;
}

type RecordedShape = {
  [K in keyof RecordedSettings]-?: undefined extends RecordedSettings[K]
    ? Optional<Exclude<RecordedSettings[K], undefined>>
    : z.ZodType<RecordedSettings[K]>;
};

/** What a recipe holds of the settings, in the order in which it holds them. */
export function recordedShape(): RecordedShape {
  const entries = recordedRows().map(([name, { help, recipe }]) => {
    const schema = "absent" in recipe! ? recipe.schema.optional() : recipe!.schema;
    return [name, schema.describe(recipe!.note ? `${help}; ${recipe!.note}` : help)];
  });
  return Object.fromEntries(entries) as RecordedShape;
}

/** The first of the keys of a recipe that came with a later version of the format than `version`. */
export function laterThan(version: number, recipe: RecordedSettings): string | undefined {
  const isLater = ([name, { recipe: how }]: [SettingName, Row]) =>
    (how!.since ?? 1) > version && recipe[name as keyof RecordedSettings] !== undefined;
  return recordedRows().find(isLater)?.[0];
}

/** The settings of a recipe, as an edit takes them. */
export type ReplaySettings = Required<Omit<SessionSettings, "preset" | "stopAfter">> &
  Pick<SessionSettings, "stopAfter">;

/** What a recipe records of an edit's settings: what is at the value that changes nothing is left out. */
export function recordSettings(
  settings: ReplaySettings & Pick<OpenSettings, "workingSize">,
): RecordedSettings {
  const entries = recordedRows().flatMap(([name, { recipe }]) => {
    const value = (settings as AllSettings)[name];
    if ("absent" in recipe! && isSame(value, recipe.absent)) return [];
    return [[name, recipe!.write ? recipe!.write(value) : value]];
  });
  return Object.fromEntries(entries) as RecordedSettings;
}

/** The way back of {@link recordSettings}, without the settings that a session is opened with. */
export function replaySettings(recipe: RecordedSettings): ReplaySettings {
  const entries = recordedRows()
    .filter(([, { scope }]) => scope !== "opening" && scope !== "retired")
    .map(([name, { recipe: how }]) => {
      const recorded = recipe[name as keyof RecordedSettings];
      return [name, recorded === undefined ? how!.absent : how!.read ? how!.read(recorded) : recorded];
    });
  return Object.fromEntries(entries) as ReplaySettings;
}

/** A recipe's settings as a script says them: all but those whose default never differs. */
export function scriptSettings(given: ReplaySettings): SettingsInJson {
  const settings = given as AllSettings;
  const entries = settingRows().flatMap(([name, row]) => {
    const value = settings[name];
    const isUsual = !row.byPreset && row.defaultText === undefined && isSame(value, row.fallback);
    return value === undefined || isUsual ? [] : [[name, typeof value === "bigint" ? inJson(value) : value]];
  });
  return Object.fromEntries(entries) as SettingsInJson;
}

/** "seed 7, steps 8, sampler ddim, …": what is not the same in most edits. */
export function describeSettings(settings: ResolvedSettings): string {
  const recorded = recordSettings({ ...settings, detail: "off" });
  const said = Object.entries(scriptSettings(replaySettings(recorded))).filter(([name]) => name in recorded);
  const text = (value: unknown) => (typeof value === "string" ? value : shown(value));
  return said.map(([name, value]) => `${SETTINGS[name as SettingName].title} ${text(value)}`).join(", ");
}

/** A number where that holds it exactly. */
export function inJson(seed: number | bigint): number | string {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed);
}

/** What `given` holds of an edit's settings, in JSON; what is undefined or null is left out. */
export function pickSettings(given: Readonly<Record<string, unknown>>): SettingsInJson {
  const entries = rowsOfEdits().map(([name]) => [name, given[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value != null)) as SettingsInJson;
}

/** Settings in JSON as a program has them. */
export function fromJson({ seed, ...settings }: SettingsInJson): SessionSettings {
  return { ...settings, ...(seed === undefined ? {} : { seed: BigInt(seed) }) };
}

/** The settings that the method takes, with nothing left open; a preset stands for others. */
export type ResolvedSettings = Required<Omit<EditSettings, "preset" | "stopAfter">> &
  Pick<EditSettings, "stopAfter">;

/** What applies where neither the user, nor a preset, nor the checkpoint says anything. */
export function fallbacks(): ResolvedSettings {
  const rows = settingRows().filter(([name, { scope = "edit" }]) => scope === "edit" && name !== "preset");
  const entries = rows.flatMap(([name, row]) => ("fallback" in row ? [[name, row.fallback]] : []));
  return Object.fromEntries(entries) as ResolvedSettings;
}

/** The fallbacks of what a preset may leave open. */
export function presetFallbacks(): Partial<PresetSettings> {
  return decidedByPreset(fallbacks());
}

/** The values of a preset, of all settings or of those that a checkpoint may state. */
export function presetValues(preset: PresetName, of: "all" | "stated" = "all"): Partial<PresetSettings> {
  const entries = settingRows().flatMap(([name, { byPreset, stated }]) =>
    byPreset && preset in byPreset && (stated || of === "all") ? [[name, byPreset[preset]]] : [],
  );
  return Object.fromEntries(entries) as Partial<PresetSettings>;
}

/** Of settings those that a preset decides. */
export function decidedByPreset<T extends object>(settings: T): Partial<T> {
  const given = settings as Partial<Record<SettingName, unknown>>;
  const entries = settingRows().filter(([name, { byPreset }]) => byPreset && name in given);
  return Object.fromEntries(entries.map(([name]) => [name, given[name]])) as Partial<T>;
}

/**
 * Throws option.invalid for the first value that is not allowed. What a recipe that is replayed has recorded is taken as it
 * is: recipes were written before there were ranges.
 */
export function checkSettings(settings: Partial<AllSettings>, recorded: Partial<AllSettings> = {}): void {
  for (const [name, { title, expected, json, program = json }] of settingRows()) {
    const value = settings[name];
    if (value === undefined || Object.is(value, recorded[name]) || program.safeParse(value).success) continue;
    throw new EmilieError("option.invalid", `the ${title} must be ${expected}, got ${shown(value)}`);
  }
}

const instructionExpected = `a text that says what should change, of at most ${MAX_TEXT} characters`;

/** An instruction and the weight of a region, for every interface. */
export const INSTRUCTION = z
  .string(says(instructionExpected))
  .max(MAX_TEXT, {
    error: ({ input }) => `expected ${instructionExpected}, got ${(input as string).length} characters`,
  })
  .regex(/\S/, { error: "an instruction says what should change; it is empty" });

export const WEIGHT = SETTINGS.textGuidance.json;
