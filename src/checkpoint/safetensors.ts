/**
 * The safetensors format (github.com/huggingface/safetensors): eight bytes of header length, a JSON header, then the
 * tensors' bytes. A header comes from strangers, so everything it claims is checked before it is used.
 */
import { EmilieError } from "../errors.ts";
import { MAX_TENSORS, SAFETENSORS_HEADER } from "../limits.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { parseJson } from "../util/parse-json.ts";
import type { CheckpointSource } from "./source.ts";
import { BEGINNING_BYTES, refuseStandIn } from "./stand-in.ts";

/** No known network has tensors of more than five axes; a header with hundreds is an attack on whoever multiplies them. */
export const MAX_RANK = 8;

const BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type StoredType = keyof typeof BYTES;

/** One tensor as it lies in a file. */
export interface StoredTensor {
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** From the beginning of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The header's own bytes, for fingerprints. */
  readonly bytes: Uint8Array;
}

/** Reads and checks the header of `path`; throws "checkpoint.malformed" naming the file and what is wrong with it. */
export async function readSafetensorsHeader(
  source: CheckpointSource,
  path: string,
): Promise<SafetensorsHeader> {
  const fileSize = await source.size(path);
  if (fileSize < 8) throw malformed(path, `it has ${fileSize} bytes, too few to be a safetensors file`);
  const prefix = await source.read(path, 0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  const most = SAFETENSORS_HEADER.length;
  if (length > BigInt(Math.min(most, fileSize - 8))) {
    refuseStandIn(`${path} of ${source.id}`, await source.read(path, 0, Math.min(fileSize, BEGINNING_BYTES)));
    const than =
      length > BigInt(most)
        ? `; at most ${most} are read`
        : `, but the file has ${fileSize}. Is the file complete?`;
    throw malformed(path, `its header claims ${length} bytes${than}`);
  }
  const bytes = await source.read(path, 8, Number(length));
  return { ...parseSafetensorsHeader(bytes, fileSize, path), bytes };
}

/** The checks alone: `header` is the JSON's bytes, `fileSize` the whole file's. */
export function parseSafetensorsHeader(
  header: Uint8Array,
  fileSize: number,
  path: string,
): Omit<SafetensorsHeader, "bytes"> {
  const json = parseObject(header, path);
  const dataStart = 8 + header.length;
  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  const entries = Object.entries(json);
  if (entries.length > MAX_TENSORS + 1) {
    throw malformed(path, `it lists ${entries.length} tensors; at most ${MAX_TENSORS} are read`);
  }
  for (const [name, entry] of entries) {
    if (name === "__metadata__") metadata = parseMetadata(entry, path);
    else tensors.set(name, parseTensor(name, entry, dataStart, path));
  }
  checkLayout(tensors, dataStart, fileSize, path);
  return { tensors, metadata };
}

function parseObject(header: Uint8Array, path: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
  } catch (cause) {
    throw malformed(path, "its header is not JSON", cause);
  }
  const json = parseJson(text, SAFETENSORS_HEADER, (what, cause) =>
    malformed(path, `its header ${what}`, cause),
  );
  if (!isObject(json)) throw malformed(path, "its header is not a JSON object");
  return json;
}

function parseMetadata(entry: unknown, path: string): Record<string, string> {
  if (!isObject(entry) || Object.values(entry).some((v) => typeof v !== "string")) {
    throw malformed(path, "its __metadata__ is not a map of strings");
  }
  return entry as Record<string, string>;
}

function parseTensor(name: string, entry: unknown, dataStart: number, path: string): StoredTensor {
  const bad = (what: string) => malformed(path, `tensor ${JSON.stringify(name.slice(0, 200))} ${what}`);
  if (!isObject(entry)) throw bad("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(BYTES, dtype)) {
    throw bad(`has the unknown dtype ${String(JSON.stringify(dtype)).slice(0, 40)}`);
  }
  const type = dtype as StoredType;
  if (!isCounts(shape) || shape.length > MAX_RANK) throw bad("has a shape that is not a short list of sizes");
  if (!isCounts(offsets) || offsets.length !== 2) throw bad("has data_offsets that are not two positions");
  const [begin = 0, end = 0] = offsets;
  const size = sizeOf(shape) * BYTES[type];
  if (!Number.isSafeInteger(size)) throw bad(`has the impossible shape [${shape}]`);
  if (end - begin !== size) {
    throw bad(`of shape [${shape}] and dtype ${type} needs ${size} bytes, but has [${begin}, ${end})`);
  }
  return { type, shape, offset: dataStart + begin, length: size };
}

/** The tensors must fill the rest of the file without gaps or overlaps, as the format demands. */
function checkLayout(
  tensors: ReadonlyMap<string, StoredTensor>,
  dataStart: number,
  fileSize: number,
  path: string,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let position = dataStart;
  for (const [name, t] of inOrder) {
    if (t.offset !== position) {
      throw malformed(
        path,
        `tensor ${JSON.stringify(name)} begins at byte ${t.offset} instead of ${position}`,
      );
    }
    position += t.length;
  }
  if (position !== fileSize) {
    throw malformed(
      path,
      `its tensors end at byte ${position}, but the file has ${fileSize}. Is the file complete?`,
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function malformed(path: string, what: string, cause?: unknown): EmilieError {
  return new EmilieError("checkpoint.malformed", `${path} is not a valid safetensors file: ${what}.`, {
    cause,
  });
}

/** A safetensors file of fp32 tensors, in the given order. */
export function writeSafetensors(
  tensors: Readonly<Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = Object.entries(tensors);
  const header = safetensorsHeader(
    entries.map(([name, t]) => [name, { type: "F32", shape: t.shape }] as const),
    metadata,
  );
  const size = entries.reduce((sum, [, t]) => sum + t.data.byteLength, 0);
  const file = new Uint8Array(header.length + size);
  file.set(header);
  let position = header.length;
  for (const [, t] of entries) {
    file.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), position);
    position += t.data.byteLength;
  }
  return file;
}

/** Length and header of a file whose tensors follow one after the other; padded so that they begin at 64 bytes. */
export function safetensorsHeader(
  tensors: readonly (readonly [string, { readonly type: StoredType; readonly shape: readonly number[] }])[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const json: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let position = 0;
  for (const [name, t] of tensors) {
    const end = position + sizeOf(t.shape) * BYTES[t.type];
    json[name] = { dtype: t.type, shape: t.shape, data_offsets: [position, end] };
    position = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(json));
  const length = Math.ceil((8 + text.length) / 64) * 64 - 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}
