/** TIFF files for tests, byte by byte: every kind of sample that other programs write, in one strip. */

export interface TiffSpec {
  /** Bits of a sample; 1, 4, 8, 16, 32 or 64. */
  readonly bits: number;
  /** TIFF's SampleFormat: 1 unsigned, 2 signed, 3 float. */
  readonly format?: 1 | 2 | 3;
  /** PhotometricInterpretation: 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 CIE Lab. */
  readonly photometric: number;
  /** What one pixel holds; with 1 and 4 bits the bytes of a row. */
  readonly pixel: readonly number[];
  /** ExtraSamples: 1 premultiplied alpha, 2 straight alpha, 0 unspecified. */
  readonly extra?: readonly number[];
  /** A palette of 16-bit reds, then greens, then blues. */
  readonly palette?: readonly number[];
  readonly orientation?: number;
  readonly bigEndian?: boolean;
  readonly width?: number;
  readonly height?: number;
}

type Entry = readonly [tag: number, type: 3 | 4, values: readonly number[]];

export function tiff(spec: TiffSpec): Uint8Array {
  const { bits, format = 1, photometric, pixel, extra, palette, orientation, bigEndian = false } = spec;
  const { width = 16, height = 16 } = spec;
  const channels = bits < 8 ? 1 : pixel.length;
  const rowBytes = bits < 8 ? Math.ceil((width * bits) / 8) : width * channels * (bits / 8);
  const pixels = Buffer.alloc(rowBytes * height);
  const samples = bits < 8 ? rowBytes * height : width * height * channels;
  for (let i = 0; i < samples; i++) writeSample(pixels, i, pixel[i % pixel.length]!, bits, format, bigEndian);
  const entries: Entry[] = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, Array(channels).fill(bits)],
    [259, 3, [1]],
    [262, 3, [photometric]],
    [273, 4, [0]],
    ...(orientation ? [[274, 3, [orientation]] as Entry] : []),
    [277, 3, [channels]],
    [278, 4, [height]],
    [279, 4, [pixels.length]],
    ...(palette ? [[320, 3, palette] as Entry] : []),
    ...(extra ? [[338, 3, extra] as Entry] : []),
    [339, 3, Array(channels).fill(format)],
  ];
  return assemble(entries, pixels, bigEndian);
}

function writeSample(
  into: Buffer,
  at: number,
  value: number,
  bits: number,
  format: number,
  bigEndian: boolean,
): void {
  const view = new DataView(into.buffer, into.byteOffset);
  const little = !bigEndian;
  if (bits <= 8) into.writeUInt8(value & 0xff, at);
  else if (bits === 16 && format === 2) view.setInt16(2 * at, value, little);
  else if (bits === 16) view.setUint16(2 * at, value, little);
  else if (bits === 32 && format === 3) view.setFloat32(4 * at, value, little);
  else if (bits === 32 && format === 2) view.setInt32(4 * at, value, little);
  else if (bits === 32) view.setUint32(4 * at, value, little);
  else view.setFloat64(8 * at, value, little);
}

function assemble(entries: readonly Entry[], pixels: Buffer, bigEndian: boolean): Uint8Array {
  const size = (type: 3 | 4) => (type === 3 ? 2 : 4);
  const directory = 2 + 12 * entries.length + 4;
  const outside = entries.filter(([, type, values]) => values.length * size(type) > 4);
  const values = outside.reduce((sum, [, type, list]) => sum + list.length * size(type), 0);
  const out = Buffer.alloc(8 + directory + values + pixels.length);
  const view = new DataView(out.buffer, out.byteOffset);
  const u16 = (at: number, value: number) => view.setUint16(at, value, !bigEndian);
  const u32 = (at: number, value: number) => view.setUint32(at, value, !bigEndian);
  out.write(bigEndian ? "MM" : "II", "latin1");
  u16(2, 42);
  u32(4, 8);
  u16(8, entries.length);
  let free = 8 + directory;
  const start = free + values;
  entries.forEach(([tag, type, list], i) => {
    const at = 10 + 12 * i;
    u16(at, tag);
    u16(at + 2, type);
    u32(at + 4, list.length);
    const bytes = list.length * size(type);
    const to = bytes > 4 ? free : at + 8;
    if (bytes > 4) {
      u32(at + 8, free);
      free += bytes;
    }
    list.forEach((value, k) => {
      if (type === 3) u16(to + 2 * k, value);
      else u32(to + 4 * k, tag === 273 ? start : value);
    });
  });
  pixels.copy(out, start);
  return out;
}
