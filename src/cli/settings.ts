/** The settings of an edit as options of the command line, made from their table (method/settings.ts). */
import { InvalidArgumentError, Option } from "commander";
import { defaultOf, type SettingName, settingRows } from "../method/settings-derived.ts";

/** "theName" → "--the-name" */
function flagOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option for every setting; what it holds is the setting in JSON, under the setting's name. */
export function settingOptions(): Option[] {
  return settingRows().map(([name, row]) => {
    const { help, expected, cli = {} } = row;
    const text = `${cli.help ?? help} (${cli.expected ?? expected}; default: ${defaultOf(row)})`;
    return new Option(`${flagOf(name)} <${cli.value ?? name}>`, text).argParser((given) =>
      readSetting(name, given),
    );
  });
}

/**
 * A setting from its text, in JSON.
 *
 * @throws InvalidArgumentError naming what is allowed
 */
export function readSetting(name: SettingName, text: string): unknown {
  const { json, expected, cli } = settingRows().find(([one]) => one === name)![1];
  const readings = cli?.read ? [cli.read(text)] : [numberFrom(text), text];
  const read = [...readings, text].map((value) => json.safeParse(value)).find(({ success }) => success);
  if (read) return read.data;
  throw new InvalidArgumentError(`Expected ${cli?.expected ?? expected}.`);
}

/** A weight of a region, which stands in the place of the text guidance. */
export function readWeight(text: string): number {
  return readSetting("textGuidance", text) as number;
}

/** The words that an option takes, by its flag: for completion. */
export function settingWords(): Record<string, readonly string[]> {
  return Object.fromEntries(
    settingRows().flatMap(([name, { words }]) => (words ? [[flagOf(name), words]] : [])),
  );
}

/** Digits as a number where one holds them exactly. */
function numberFrom(text: string): unknown {
  const trimmed = text.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return text;
  const number = Number(trimmed);
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? trimmed : number;
}
