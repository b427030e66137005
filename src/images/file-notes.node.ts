/**
 * What of a picture's file is not in the picture that is read from it, in words, and which files are refused because their
 * numbers would become another picture. The one place that says so: every door shows these notes.
 */
import type { Metadata } from "sharp";
import { EmilieError } from "../errors.ts";
import { pngChunks } from "./png-text.ts";

/** What is read as it is meant. Signed, 32-bit and floating-point samples say nowhere which of their numbers is white. */
const READ_DEPTHS = ["uchar", "ushort"];
/** Transfer functions of screens that show more than white (ITU-T H.273): 16 is PQ, 18 is HLG. */
const HDR: Readonly<Record<number, string>> = { 16: "PQ", 18: "HLG" };

/** What a decoder leaves to whoever asks it. */
export interface FileFacts {
  readonly notes: readonly string[];
  /** The exponent by which a PNG's levels become light, where it is neither sRGB's nor a profile's. */
  readonly gamma?: number;
}

/**
 * The facts of a file, before its pixels are decoded.
 * @throws EmilieError image.unreadable for samples that have no sure meaning, and HDR without a profile
 */
export function factsOf(metadata: Metadata, bytes: Uint8Array, name: string): FileFacts {
  const { format, pages = 1, depth, space, channels = 3, bitsPerSample, gainMap } = metadata;
  checkSamples(metadata, name);
  const png = format === "png" ? pngFacts(bytes, name) : undefined;
  const transfer = png?.transfer ?? (format === "heif" ? heifTransfer(bytes) : undefined);
  if (transfer !== undefined && HDR[transfer] && !metadata.hasProfile) {
    throw new EmilieError(
      "image.unreadable",
      `${name} is HDR (${HDR[transfer]}): its levels are meant for HDR screens, and would look pale. Export it as ` +
        "SDR (sRGB), or with a colour profile.",
    );
  }
  const notes: string[] = [];
  if (pages > 1 || png?.animated) {
    const animation = format === "gif" || format === "webp" || format === "png";
    const [what, parts] = animation ? ["is an animation", "frames"] : ["holds several pictures", "pages"];
    const count = pages > 1 ? pages : png!.animated;
    notes.push(`${name} ${what} (${count} ${parts}); the first one is edited.`);
  }
  if (depth !== "uchar" || (bitsPerSample ?? 8) > 8) {
    notes.push(`${name} has more than 8 bits a channel; it is edited and written with 8.`);
  }
  if (space === "cmyk") {
    notes.push(
      `${name} is made for print (CMYK); its colours are converted to sRGB, and the results are RGB.`,
    );
  }
  if (gainMap) notes.push(`${name} has an HDR gain map; its SDR picture is edited, and the map is left out.`);
  const most = (space === "cmyk" ? 4 : space === "b-w" || space === "grey16" ? 1 : 3) + 1;
  if (channels > most) {
    notes.push(`${name} has ${channels} channels; the first ${most} are read, and the others are left out.`);
  }
  return { notes, gamma: metadata.hasProfile ? undefined : png?.gamma };
}

function checkSamples({ depth = "uchar", space, format, bitsPerSample }: Metadata, name: string): void {
  // CIE Lab of 16 bits has signed samples, whose meaning is fixed.
  if (READ_DEPTHS.includes(depth) || space === "labs") return;
  const kind = /float|double/.test(depth) ? "floating-point" : depth === "uint" ? "unsigned" : "signed";
  throw new EmilieError(
    "image.unreadable",
    `${name} (${format.toUpperCase()}) has ${kind} samples of ${bitsPerSample ?? "more than 16"} bits, which do not say what is white. Save it ` +
      "with 8 or 16 unsigned bits a channel.",
  );
}

interface PngFacts {
  readonly transfer?: number;
  readonly gamma?: number;
  /** Frames; 0 for what is none. */
  readonly animated: number;
}

/** What a PNG says before its pixels (PNG specification, third edition). The first chunk that tells colours decides. */
function pngFacts(bytes: Uint8Array, name: string): PngFacts {
  const chunks = new Map(pngChunks(bytes, name).map(({ type, body }) => [type, body]));
  const u32 = (body: Uint8Array, at = 0) => new DataView(body.buffer, body.byteOffset).getUint32(at);
  const [cicp, gama, actl] = ["cICP", "gAMA", "acTL"].map((type) => chunks.get(type));
  const told = cicp || chunks.has("iCCP") || chunks.has("sRGB");
  const gamma = gama && gama.length >= 4 && !told ? u32(gama) / 100_000 : undefined;
  // Nearly all say 1/2.2, which is sRGB to the eye.
  const other = gamma !== undefined && gamma > 0.05 && gamma < 20 && Math.abs(gamma - 1 / 2.2) > 0.02;
  const frames = actl && actl.length >= 4 ? u32(actl) : 0;
  return { transfer: cicp?.[1], gamma: other ? gamma : undefined, animated: frames > 1 ? frames : 0 };
}

/** The transfer function of an AVIF's colour box (ISO 14496-12, "colr" of the type "nclx"); undefined where it has none. */
function heifTransfer(bytes: Uint8Array): number | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 65_536));
  const at = head.indexOf("colrnclx", 0, "latin1");
  return at < 0 || at + 12 > head.length ? undefined : head.readUInt16BE(at + 10);
}

/** Levels of another exponent as levels of sRGB. */
export function levelsOf(gamma: number): Uint8ClampedArray {
  return Uint8ClampedArray.from({ length: 256 }, (_, level) => {
    const light = (level / 255) ** (1 / gamma);
    return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);
  });
}
