/** Requests as programs write them, for tests of what the server makes of them. */
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { maskFromBox } from "../../src/images/mask.ts";
import { COTTAGE, type Fixture } from "./server-fixture.ts";

export const EDITS = "/v1/images/edits";
export const BOX = { x: 60, y: 60, width: 20, height: 20 };
export const picture = await readFile(COTTAGE);
/** Of the box, in OpenAI's way: transparent = edit. */
export const mask = await holeAt(BOX);
export const dataUrl = (bytes: Buffer) => `data:image/png;base64,${bytes.toString("base64")}`;

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what the server answered, looked at field by field
  readonly body: any;
}

export async function post({ server }: Fixture, path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(server.url + path, { method: "POST", ...init });
  return { status: response.status, body: await response.json() };
}

export const json = (value: unknown): RequestInit => ({
  headers: { "content-type": "application/json" },
  body: typeof value === "string" ? value : JSON.stringify(value),
});

export type Entry = readonly [name: string, value: string | Buffer, file?: string];

export function form(...entries: readonly Entry[]): RequestInit {
  const body = new FormData();
  for (const [name, value, file] of entries) {
    if (typeof value === "string") body.append(name, value);
    else body.append(name, new Blob([new Uint8Array(value)], { type: "image/png" }), file ?? "a.png");
  }
  return { body };
}

/** One edit for OpenAI's API, as quick as one can be. */
export const plain = (): Entry[] => [
  ["image", picture],
  ["prompt", "make it winter"],
  ["steps", "1"],
];

async function holeAt(box: typeof BOX): Promise<Buffer> {
  const rgba = Buffer.alloc(128 * 128 * 4, 255);
  maskFromBox(128, 128, box).data.forEach((m, i) => {
    if (m > 0) rgba[4 * i + 3] = 0;
  });
  return sharp(rgba, { raw: { width: 128, height: 128, channels: 4 } })
    .png()
    .toBuffer();
}
