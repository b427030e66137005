/** What the tools share: how one is registered, how its errors read, how pictures and nodes are shown to an assistant. */
import type { CallToolResult, McpServer, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { isEmilieError } from "../errors.ts";
import { encodePng } from "../images/codec.node.ts";
import type { Difference } from "../images/difference.ts";
import type { Picture } from "../images/picture.ts";
import { thumbnail } from "../images/strip.ts";
import { readInput } from "../input/read-input.ts";
import type { FileNode } from "../session/file/file-node.node.ts";
import type { OpenSession, Workspace } from "./workspace.ts";

/** The longer side of pictures sent to an assistant, in pixels. Larger ones cost it much and show it little; export has them whole. */
export const MAX_SHOWN_SIDE = 768;
/** And their size as PNG: clients refuse answers of about a megabyte, and base64 adds a third. */
export const MAX_SHOWN_BYTES = 700_000;

export interface Answer {
  /** The result in words. */
  readonly text: string;
  /** The result for programs. */
  readonly data: Record<string, unknown>;
  readonly picture?: Picture;
}

export interface Tool<Input extends z.ZodObject> {
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  /** Whether it leaves everything as it is. */
  readonly readOnly?: boolean;
  run(input: z.output<Input>, workspace: Workspace, context: ServerContext): Promise<Answer>;
}

/** The argument that names a session. */
export const sessionInput = z
  .string()
  .optional()
  .describe('Which session, as open called it ("s1"). Default: the one used last.');

export function register<Input extends z.ZodObject>(
  server: McpServer,
  name: string,
  tool: Tool<Input>,
  workspace: Workspace,
): void {
  const { title, description, input, readOnly = false, run } = tool;
  server.registerTool(
    name,
    {
      title,
      description,
      inputSchema: asTheyCome(input),
      annotations: { title, readOnlyHint: readOnly, openWorldHint: false },
    },
    async (given, context): Promise<CallToolResult> => {
      try {
        const checked = readInput(input, given, "arguments");
        const { text, data, picture } = await workspace.exclusive(context.mcpReq.signal, () =>
          run(checked, workspace, context),
        );
        const image = picture ? [await imageContent(picture)] : [];
        return { content: [{ type: "text", text }, ...image], structuredContent: data };
      } catch (error) {
        return { content: [{ type: "text", text: explain(error) }], isError: true };
      }
    },
  );
}

/** The schema as clients are shown it. Arguments are checked by readInput, which reads them as models write them. */
function asTheyCome(input: z.ZodObject): z.ZodObject {
  const standard = input["~standard"];
  const shown = { vendor: standard.vendor, version: standard.version, jsonSchema: standard.jsonSchema };
  const validate = (value: unknown) => ({ value });
  return { "~standard": { ...shown, validate } } as unknown as z.ZodObject;
}

/** "mask.invalid: A mask box must …": the code first, then what was expected, what was given and what to do. */
function explain(error: unknown): string {
  if (isEmilieError(error)) return `${error.code}: ${error.message}`;
  return `unexpected: ${error instanceof Error ? error.message : String(error)}`;
}

async function imageContent(picture: Picture) {
  let side = MAX_SHOWN_SIDE;
  let png = await encodePng(thumbnail(picture, side));
  // Noise and fine grain do not compress: such a picture is shown smaller.
  while (png.length > MAX_SHOWN_BYTES) {
    side = Math.floor(side * 0.75);
    png = await encodePng(thumbnail(picture, side));
  }
  return { type: "image" as const, data: Buffer.from(png).toString("base64"), mimeType: "image/png" };
}

/** Where a session stands, in every answer that moves it. */
export function nodeData({ id, session }: OpenSession, node: FileNode): Record<string, unknown> {
  return {
    session: id,
    node: node.id,
    parent: node.parent?.id ?? null,
    instruction: node.instruction || null,
    name: node.name ?? null,
    head: session.head.id,
    width: node.size.width,
    height: node.size.height,
  };
}

/** The difference for JSON, which has no Infinity: a psnr of null means that nothing differs. */
export function differenceData({ psnr, ...rest }: Difference): Record<string, unknown> {
  return { ...rest, psnr: Number.isFinite(psnr) ? psnr : null };
}

/** "84 % of 5,120 pixels changed, by 31 of 255 levels on average". */
export function sayDifference({ changedPixels, pixels, mae }: Difference): string {
  const all = pixels.toLocaleString("en-US");
  if (pixels === 0) return "no pixels";
  if (changedPixels === 0) return `none of ${all} pixels changed`;
  const share = ((100 * changedPixels) / pixels).toFixed(0);
  return `${share} % of ${all} pixels changed, by ${mae.toFixed(1)} of 255 levels on average`;
}
