/** HTML and SVG text in which whatever is put in is escaped: an instruction is text, whatever it says. */

/** Text that is markup already. Only {@link html} and {@link raw} make it. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Part = Markup | string | number | null | undefined | false | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

/**
 * Text for an element's content or a quoted attribute. Characters that XML forbids, and those that
 * turn the direction of what follows round, become a replacement character.
 */
export function escapeText(text: string): string {
  const allowed = text.replace(FORBIDDEN, "\ufffd");
  return allowed.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** A template of markup. Strings and numbers put in are escaped, lists are joined, null and false leave nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + written(parts[i - 1]) + string));
}

/** Text that is markup already, such as a style sheet of our own. Never for text from outside. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function written(part: Part): string {
  if (part === null || part === undefined || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return escapeText(part);
  if (typeof part === "number") return String(part);
  return part.map(written).join("");
}
