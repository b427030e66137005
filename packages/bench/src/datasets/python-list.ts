/** A list of strings as Python prints it: ['a', "it's", 'say "no"'], which is what pandas writes into a CSV cell. */
const STRING = /\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*/y;
const ESCAPE = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g;
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** The strings, or undefined where it is no such list. */
export function pythonStrings(text: string): string[] | undefined {
  const inner = /^\s*\[(.*)\]\s*$/s.exec(text)?.[1];
  if (inner === undefined) return undefined;
  const strings: string[] = [];
  STRING.lastIndex = 0;
  while (inner.slice(STRING.lastIndex).trim() !== "") {
    const match = STRING.exec(inner);
    if (!match) return undefined;
    strings.push((match[1] ?? match[2]!).replace(ESCAPE, (_, code: string) => unescaped(code)));
    const next = inner[STRING.lastIndex];
    if (next !== undefined && next !== ",") return undefined;
    STRING.lastIndex += next === "," ? 1 : 0;
  }
  return strings;
}

function unescaped(code: string): string {
  if (code.length === 1) return CONTROLS[code] ?? code;
  const point = Number.parseInt(code.slice(1), 16);
  return point <= 0x10ffff ? String.fromCodePoint(point) : "\uFFFD";
}
