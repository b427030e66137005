/**
 * Options of the library's functions, where no compiler has looked at them: what is not known would be ignored, and a mask that is spelt
 * wrongly would edit the whole picture.
 */
import { InputError, quote } from "./input-error.ts";
import { unknownName } from "./names.ts";

/** All options of a function; false: known, and not for users. The compiler sees to it that none is missing. */
export type OptionNames<T> = Readonly<Record<keyof T, unknown>>;

/**
 * Names are exact here: unlike a form's, they come from a program.
 *
 * @param where what the options are of, for messages: "session.edit's options"
 * @throws InputError for a name that is not known, with what may have been meant, and for what is no object
 */
export function checkOptions<T extends object>(options: T, names: OptionNames<T>, where: string): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const given = options === null ? "null" : typeof options === "string" ? quote(options) : typeof options;
    throw new InputError(
      "",
      "invalid",
      `${where} must be an object, got ${Array.isArray(options) ? "a list" : given}.`,
    );
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const known = Object.entries(names).flatMap(([name, value]) => (value === false ? [] : [name]));
  throw unknownName(unknown, known, where);
}
