/** `emilie show`: the tree of a saved session, without loading a model. */
import type { Command } from "commander";
import type { Mask } from "../images/mask.ts";
import { readContainer } from "../session/file/container.node.ts";
import { type Unpacked, unpackSession } from "../session/file/pack.node.ts";
import type { StoredNode } from "../session/file/schema.ts";
import { damageOf } from "../session/file/store.node.ts";
import { onOneLine } from "../session/script/printable.ts";
import { formatScript } from "../session/script/script-file.node.ts";
import { scriptOfRecipes } from "../session/script/script-of.ts";
import { changesOf } from "../session/tree/changes.ts";
import { isCanvasRecipe, pictureSizes } from "../session/tree/recipe.ts";
import { instructionOf } from "../session/tree/tree-node.ts";
import type { Context } from "./context.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import type { Output } from "./output.ts";

const EXAMPLES = `
Examples:
  $ emilie show out/session.emilie
  $ emilie show out/session.emilie --json
  $ emilie show out/session.emilie --script > edits.yaml

Each line is a node: its id, its instruction, what the edit changed, its mask, and the PSNR to its parent's picture and to the original
(both inside the masks; outside them every byte is the original's).`;

export function addShow(program: Command, context: Context): void {
  program
    .command("show")
    .description("print the tree of a saved session: instructions, masks, drift")
    .argument("<session>", "a .emilie file")
    .option(
      "--script",
      "print the edits as a script for emilie edit --script; masks are given by their hashes",
    )
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", EXAMPLES)
    .action((file: string, flags: { json?: boolean; script?: boolean }) =>
      context.run(flags.json ?? false, (output) =>
        flags.script ? showScript(file, output) : show(file, output),
      ),
    );
}

async function show(file: string, output: Output): Promise<void> {
  const container = await readContainer(file);
  const stored = await unpackSession(container, file);
  const { manifest } = stored;
  const { width, height } = manifest.picture;
  for (const { message } of damageOf(container.notes, stored)) output.warn(message);
  const edits = manifest.nodes.length - 1;
  output.say(
    `${file}: ${width}×${height}, ${edits} ${edits === 1 ? "edit" : "edits"} by ${onOneLine(manifest.model.id)}`,
  );
  output.say();
  sayTree(stored, output);
  output.document({
    format: manifest.format,
    version: manifest.version,
    model: manifest.model,
    picture: manifest.picture,
    head: manifest.head,
    nodes: manifest.nodes.map((node) => ({
      id: node.id,
      parent: node.parent,
      name: node.name ?? null,
      instruction: instructionOf(node.recipe),
      maskShare: maskShare(node, stored.masks),
      seed: node.recipe?.seed ?? null,
      changed: node.changed,
      cost: node.cost,
      drift: node.drift ?? null,
      changes: changesOf(node) ?? null,
      whole: stored.latents.has(node.latent),
      recipe: node.recipe,
    })),
    warnings: output.warnings,
  });
}

async function showScript(file: string, output: Output): Promise<void> {
  const { nodes, picture } = (await readContainer(file)).manifest;
  if (nodes.length === 1) throw new Unsuccessful(`${file} has no edits yet.`, EXIT.failed);
  const sizes = pictureSizes(nodes, picture);
  const script = scriptOfRecipes(nodes[0]!.id, nodes, (id) => sizes.get(id)!);
  output.say(formatScript(script).trimEnd());
  output.document(script);
}

function sayTree(stored: Unpacked, output: Output): void {
  const { nodes, head } = stored.manifest;
  const rows: { left: string; right: string }[] = [];
  // Without recursion: a chain may be thousands of edits deep.
  const open: { node: StoredNode; indent: string; branch: string }[] = [
    { node: nodes[0]!, indent: "", branch: "" },
  ];
  const children = new Map<string, StoredNode[]>();
  for (const node of nodes)
    if (node.parent) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  for (let at = open.pop(); at; at = open.pop()) {
    const { node, indent, branch } = at;
    const called = node.name ? `${node.name}: ` : "";
    const mark = node.id === head ? "  ← head" : "";
    rows.push({
      left: `${node.id}  ${indent}${branch}${onOneLine(called + (instructionOf(node.recipe) || "original"))}${mark}`,
      right: facts(node, stored.masks),
    });
    // An only child continues the line below its parent; only branches are moved to the right.
    const below = children.get(node.id) ?? [];
    const inner = indent + (branch === "├─ " ? "│  " : branch === "└─ " ? "   " : "");
    below.toReversed().forEach((child, i) => {
      const fork = below.length === 1 ? "" : i === 0 ? "└─ " : "├─ ";
      open.push({ node: child, indent: inner, branch: fork });
    });
  }
  const width = Math.min(70, Math.max(...rows.map(({ left }) => left.length)));
  for (const { left, right } of rows) output.say(`${left.padEnd(width)}  ${right}`.trimEnd());
}

function facts(node: StoredNode, masks: ReadonlyMap<string, Mask>): string {
  if (!node.recipe) return "";
  if (!node.changed) return "nothing changed";
  if (node.recipe.canvas) return changesOf(node)?.text ?? "";
  const share = maskShare(node, masks);
  const where =
    share === null ? "mask lost" : share === 1 ? "everywhere" : `mask ${(100 * share).toFixed(0)} %`;
  const { drift } = node;
  if (!drift) return where;
  const said = changesOf(node)?.text;
  const psnr = (value: number | null) => (value === null ? "equal" : `${value.toFixed(1)} dB`);
  const numbers = `${psnr(drift.parent.inside.psnr)} from its parent, ${psnr(drift.original.inside.psnr)} from the original`;
  return `${where}, ${numbers}${said ? `. ${said}` : ""}${drift.warnings.length > 0 ? "  ! drift" : ""}`;
}

/** The share of the picture that the edit was allowed to change; null where a mask is lost, and for what is no edit. */
function maskShare({ recipe }: StoredNode, masks: ReadonlyMap<string, Mask>): number | null {
  if (!recipe || isCanvasRecipe(recipe)) return null;
  if (recipe.regions.some(({ mask }) => !mask)) return 1;
  const own = recipe.regions.map(({ mask }) => masks.get(mask!.sha256));
  if (own.includes(undefined)) return null;
  const size = own[0]!.data.length;
  let touched = 0;
  for (let i = 0; i < size; i++) if (own.some((mask) => mask!.data[i]! > 0)) touched++;
  return touched / size;
}
