/** Edit scripts as files, JSON or YAML; what is wrong in one is said with its line. */
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isNode, stringify } from "yaml";
import { EmilieError } from "../../errors.ts";
import { readPicture } from "../../images/codec.node.ts";
import type { Picture } from "../../images/picture.ts";
import { SCRIPT } from "../../limits.ts";
import { readFileWithin } from "../../util/open-file.node.ts";
import type { Session } from "../session.ts";
import type { Node } from "../tree/tree.ts";
import type { EditScript } from "./edit-script.ts";
import { printable, printableJson } from "./printable.ts";
import { readYaml, YamlError, type YamlText } from "./read-yaml.ts";
import { type RunScriptOptions, runScript as run } from "./run-script.ts";
import { planScript, type ScriptIssue, scriptIssue, wrongScript } from "./script.ts";

/**
 * Reads an edit script (.json, .yaml, .yml; JSON is YAML too).
 * Throws io.failed, and option.invalid naming file, line, key and place.
 */
export async function readScript(path: string | URL): Promise<EditScript> {
  const name = basename(path.toString());
  return parseScript(await readText(path), name);
}

/** The script in a text; `called` is its name in messages. Throws option.invalid naming line, key and place. */
export function parseScript(text: string, called = "The edit script"): EditScript {
  const wrong = (message: string, line?: number) => wrongScript(called, { path: [], message }, line);
  const { document, lineAt } = read(text, wrong);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: SCRIPT.aliases });
  } catch (cause) {
    throw wrong(`it unfolds into too much (${(cause as Error).message})`);
  }
  const issue = scriptIssue(value);
  if (issue) throw wrongScript(called, issue, lineAt(offsetOf(document, issue) ?? 0));
  planScript(value, called);
  return value as EditScript;
}

/** The script as YAML, which parseScript reads. */
export function formatScript(script: EditScript): string {
  const text = stringify(script, { lineWidth: 0 });
  if (printable(text) === text) return text;
  // What steers a terminal is no character of a plain YAML string either: in quotes it can be escaped.
  const quoted = {
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
    doubleQuotedAsJSON: true,
  } as const;
  return printableJson(stringify(script, { lineWidth: 0, ...quoted }));
}

function read(text: string, wrong: (message: string, line?: number) => EmilieError): YamlText {
  try {
    return readYaml(text);
  } catch (error) {
    if (error instanceof YamlError) throw wrong(error.message, error.line);
    throw error;
  }
}

/** Where an issue stands: at its value, or where that has no place of its own, at what holds it. */
function offsetOf(document: YamlText["document"], { path }: ScriptIssue): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return isNode(document.contents) ? document.contents.range?.[0] : undefined;
}

/**
 * Runs an edit script in a session (see run-script.ts). A string is the path of a script file, whose masks are looked for
 * beside it; masks of a script that is given as an object, in the working folder.
 */
export async function runScript(
  session: Session,
  script: EditScript | string | URL,
  options: RunScriptOptions = {},
): Promise<Map<string, Node>> {
  const isFile = typeof script === "string" || script instanceof URL;
  const folder = isFile ? dirname(script instanceof URL ? fileURLToPath(script) : script) : ".";
  const readFile = (name: string) => readBeside(folder, name);
  return run(session, isFile ? await readScript(script) : script, { readFile, ...options });
}

/** Reads a picture by a name that is relative to a folder. */
export function readBeside(folder: string, name: string): Promise<Picture> {
  return readPicture(resolve(folder, name));
}

async function readText(path: string | URL): Promise<string> {
  try {
    return (await readFileWithin(path, SCRIPT.bytes)).toString("utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmilieError("io.failed", `The edit script ${path.toString()} cannot be read: ${reason}`, {
      cause,
    });
  }
}
