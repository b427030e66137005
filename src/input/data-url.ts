/** Pictures that come as text: a data: URL, or the base64 alone. One pass over the text, whatever is in it. */
import { InputError } from "./input-error.ts";

/** Of a data: URL, before its comma. */
const MAX_HEADER = 200;
const FORMS = "the picture's own bytes as a file, or a data: URL with the picture in base64";

/**
 * The bytes of a picture that was sent as text.
 *
 * @param param what it was sent as, for the message
 * @throws InputError where it is an address, empty, or no base64
 */
export function pictureFromText(text: string, param: string): Uint8Array<ArrayBuffer> {
  const start = text.slice(0, MAX_HEADER).trimStart();
  const isUrl = /^data:/i.test(start);
  if (!isUrl && /^[a-z][a-z0-9+.-]*:/i.test(start)) {
    throw wrong(param, "is an address, which is not followed: nothing is fetched");
  }
  if (text.trim() === "") throw wrong(param, "is empty; leave it out where there is none");
  const comma = isUrl ? text.slice(0, MAX_HEADER).indexOf(",") : -1;
  if (isUrl) {
    const header = comma < 0 ? "" : start.slice(5, start.indexOf(",")).toLowerCase();
    if (!header.endsWith(";base64")) throw wrong(param, "is a data: URL without base64");
    const type = header.split(";")[0]!.trim();
    if (type !== "" && !type.startsWith("image/") && type !== "application/octet-stream") {
      throw wrong(param, "is a data: URL of something else than a picture");
    }
  }
  const bytes = fromBase64(text.slice(comma + 1));
  if (!bytes) throw wrong(param, "is no base64");
  return bytes;
}

/** Null for anything but base64: the usual alphabet or the one for addresses, with blanks and with or without padding. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  let count = 0;
  let padding = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const kind = code < 128 ? KINDS[code]! : WRONG;
    if (kind === BLANK) continue;
    if (kind === WRONG || (kind === DIGIT && padding > 0)) return null;
    if (kind === DIGIT) count++;
    else padding++;
  }
  if (count === 0 || count % 4 === 1 || padding > 2) return null;
  // It skips blanks, and knows both alphabets.
  return new Uint8Array(Buffer.from(text, "base64"));
}

const [WRONG, DIGIT, BLANK, PADDING] = [0, 1, 2, 3];
/** What each ASCII character is in base64. */
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[A-Za-z0-9+/_-]/.test(char)) return DIGIT!;
  if (/\s/.test(char)) return BLANK!;
  return char === "=" ? PADDING! : WRONG!;
});

function wrong(param: string, what: string): InputError {
  return new InputError(param, "invalid", `'${param}' ${what}. Send ${FORMS}.`);
}
