/**
 * The parameters of Content-Type and Content-Disposition: in quotes or without, with extended values (RFC 8187, `filename*`),
 * and in UTF-8 where the standard wants ASCII. One pass.
 */

/**
 * By their names in lower case. An extended value is that of its plain name, and beats it.
 *
 * @param header its bytes as Latin-1, as Node and Dicer have them
 */
export function headerParameters(header: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const extended = new Map<string, string>();
  let at = header.indexOf(";");
  while (at >= 0 && at < header.length) {
    const equals = header.indexOf("=", at);
    if (equals < 0) break;
    const name = header
      .slice(at + 1, equals)
      .trim()
      .toLowerCase();
    const [text, end] = valueAt(header, equals + 1);
    if (name.endsWith("*")) {
      const decoded = decodeExtended(text);
      if (decoded !== null) extended.set(name.slice(0, -1).trim(), decoded);
    } else if (!found.has(name)) found.set(name, fromUtf8(text));
    at = end;
  }
  return new Map([...found, ...extended]);
}

/** The value that begins there, and where the semicolon after it is, or the end. */
function valueAt(header: string, start: number): [text: string, end: number] {
  let at = start;
  while (header[at] === " " || header[at] === "\t") at++;
  if (header[at] !== '"') {
    const semicolon = header.indexOf(";", at);
    const end = semicolon < 0 ? header.length : semicolon;
    return [header.slice(at, end).trim(), end];
  }
  let text = "";
  for (at++; at < header.length && header[at] !== '"'; at++) {
    // Only what must be escaped is: old browsers send whole Windows paths.
    if (header[at] === "\\" && (header[at + 1] === '"' || header[at + 1] === "\\")) at++;
    text += header[at];
  }
  const semicolon = header.indexOf(";", at);
  return [text, semicolon < 0 ? header.length : semicolon];
}

/** `utf-8'en'na%C3%AFve` */
function decodeExtended(text: string): string | null {
  const first = text.indexOf("'");
  const second = text.indexOf("'", first + 1);
  if (first < 0 || second < 0) return null;
  try {
    if (!/^utf-?8$/i.test(text.slice(0, first))) return unescape8(text.slice(second + 1));
    return decodeURIComponent(text.slice(second + 1));
  } catch {
    return null;
  }
}

/** Latin-1, percent-encoded. */
function unescape8(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function fromUtf8(latin1: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(latin1, "latin1"));
  } catch {
    return latin1;
  }
}
