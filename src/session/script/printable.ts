/**
 * Texts from outside (instructions and names in somebody's session, file names, a server's words) as a terminal may see them:
 * what steers it, or turns the direction of a line round, is written out in place of being done.
 */

/** C0 but tab and newline, DEL, C1; what embeds, overrides or isolates a direction; separators that break lines; tags; surrogates. */
const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to take out
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;

function written(letter: string): string {
  const code = letter.codePointAt(0)!.toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
}

/** The text with whatever steers a terminal written out, as in \x1b; lines and tabs stay. */
export function printable(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(STEERING, written);
}

/** The same on one line: for a text from outside that stands within a line of ours. */
export function onOneLine(text: string): string {
  return printable(text).replace(/\n/g, "\\n").replace(/\t/g, " ");
}

/** JSON that is as safe to print: the same letters, escaped as JSON does. */
export function printableJson(json: string): string {
  return json
    .replace(/\r/g, "\\r")
    .replace(STEERING, (letter) =>
      Array.from(
        { length: letter.length },
        (_, i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
    );
}
