/** A session file that somebody sends: opened here, where it may take its time and its memory. */
import { EmilieError } from "../../errors.ts";
import { sourceOfBytes } from "../../session/file/container.node.ts";
import { readContainerFrom, readManifest } from "../../session/file/container.ts";
import { unpackSession } from "../../session/file/pack.node.ts";
import { damageOf } from "../../session/file/store.node.ts";
import type { Params, Result } from "./protocol.ts";

export async function checkSession({ file, maxPixels }: Params<"check">): Promise<Result<"check">> {
  const called = "The file";
  const source = sourceOfBytes(file);
  const { width, height } = (await readManifest(source, called)).manifest.picture;
  if (width * height > maxPixels) {
    throw new EmilieError(
      "image.too-large",
      `The session's picture has ${width}×${height} pixels; this server takes at most ${maxPixels / 1e6} megapixels.`,
    );
  }
  const container = await readContainerFrom(source, called);
  const [damage] = damageOf(container.notes, await unpackSession(container, called));
  return { damage: damage?.message ?? null };
}
