/**
 * YAML (and JSON, which is YAML too) from outside. A parser of YAML compares keys with each other, walks into itself at every level,
 * and lets one alias stand for a whole list; so how much of each there is, is looked at first, on tokens that cost no more than reading.
 */
import { Composer, type Document, Lexer, LineCounter, Parser } from "yaml";
import { SCRIPT } from "../../limits.ts";

/** A document, and lines for its offsets. */
export interface YamlText {
  readonly document: Document.Parsed;
  readonly lineAt: (offset: number) => number;
}

/** What is wrong with a YAML text, and at which line. */
export class YamlError extends Error {
  constructor(
    message: string,
    readonly line: number | undefined,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** What may follow a backslash between double quotes (YAML 1.2, 5.7); of anything else the composer makes an error each. */
const ESCAPES = /\\(?:["\\/ \t\r\n0abefnrtvN_LP]|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8})/g;

type Token = Parser["stack"][number];

/** Reads one document. Throws YamlError for what is too much, and for what is not YAML. */
export function readYaml(text: string): YamlText {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const tooMuch = (what: string, offset?: number) =>
    new YamlError(`it cannot be read (${what})`, offset === undefined ? undefined : lineAt(offset));
  if (text.length > SCRIPT.bytes)
    throw tooMuch(`${text.length} characters; at most ${SCRIPT.bytes} are read`);

  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > SCRIPT.lexemes) throw tooMuch(`more than ${SCRIPT.lexemes} signs and words`, parser.offset);
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > SCRIPT.depth)
      throw tooMuch(`nested deeper than ${SCRIPT.depth} levels`, parser.offset);
  }
  tokens.push(...parser.end());
  checkTokens(tokens, tooMuch);

  const documents = [
    ...new Composer({ uniqueKeys: true, prettyErrors: false }).compose(tokens, true, text.length),
  ];
  const [document, second] = documents as Document.Parsed[];
  const [problem] = document!.errors;
  if (problem) {
    const [what] = problem.message.split("\n");
    throw new YamlError(`it is not YAML or JSON (${what})`, lineAt(problem.pos[0]), { cause: problem });
  }
  if (second) throw new YamlError("it holds several documents; a script is one", lineAt(second.range[0]));
  return { document: document!, lineAt };
}

/** The keys of every map, the aliases of all, and the escapes of every text. */
function checkTokens(tokens: readonly Token[], tooMuch: (what: string, offset?: number) => Error): void {
  const waiting: (Token | null | undefined)[] = [...tokens];
  let aliases = 0;
  while (waiting.length > 0) {
    const token = waiting.pop();
    if (!token) continue;
    if (token.type === "alias" && ++aliases > SCRIPT.aliases)
      throw tooMuch(`more than ${SCRIPT.aliases} aliases`, token.offset);
    if (token.type === "double-quoted-scalar" && token.source.replace(ESCAPES, "").includes("\\"))
      throw tooMuch("a text with a backslash that escapes nothing", token.offset);
    if (token.type === "document") waiting.push(token.value);
    if (!("items" in token)) continue;
    const isMap =
      token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
    if (isMap && token.items.length > SCRIPT.keys)
      throw tooMuch(`a map of more than ${SCRIPT.keys} keys`, token.offset);
    for (const item of token.items) waiting.push(item.key, item.value);
  }
}
