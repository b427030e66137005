/** LoRAs merged into the weights that they touch; all others stay in their files. */
import { EmilieError } from "../../errors.ts";
import { readWhole, toFloat16 } from "../convert.ts";
import type { CheckpointSource } from "../source.ts";
import { type Needs, type PlacedFile, type PlacedWeights, placedAs, plainType } from "../storage.ts";
import type { WeightRef, WeightTable } from "../weights.ts";
import type { Addition, TableAdditions } from "./additions.ts";
import type { AddRow } from "./forms.ts";

/** W and its sizes: a convolution's kernel is a longer row. */
interface Weight {
  readonly values: Float32Array;
  readonly rows: number;
  readonly depth: number;
  /** Values of a row for each input. */
  readonly kernel: number;
}

/** W + Σ w·(W′ − W), where W′ is a LoRA's own; each row is summed in double precision and rounded once. */
export async function merged(
  source: Pick<CheckpointSource, "read">,
  name: string,
  ref: WeightRef,
  additions: readonly Addition[],
): Promise<Float32Array> {
  const values = await readWhole(source, name, ref);
  const [rows, width = 1] = ref.shape as [number, ...number[]];
  const depth = values.length / rows;
  const weight = { values, rows, depth, kernel: depth / width };
  const changes: AddRow[] = [];
  for (const addition of additions) changes.push(await changeOf(addition, weight));
  const sum = new Float64Array(depth);
  for (let row = 0; row < rows; row++) {
    sum.fill(0);
    for (const [i, change] of changes.entries()) change(row, additions[i]!.lora.weight, sum);
    for (let i = 0; i < depth; i++) values[row * depth + i]! += sum[i]!;
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const files = additions.map(({ lora }) => lora.path).join(", ");
    throw new EmilieError(
      "checkpoint.malformed",
      `"${name}" with ${files} merged has the value ${values[bad]}.`,
    );
  }
  return values;
}

/** W′ − W, by row. What it needs of W it reads before a row of W is changed, or from that row. */
async function changeOf(addition: Addition, weight: Weight): Promise<AddRow> {
  const { lora, module, parts, form, scale, onto, dora, first = 0 } = addition;
  const read = (part: keyof typeof parts) => readWhole(lora.source, `${module} (${part})`, parts[part]!);
  const add = await form.load(parts, read);
  // "first" needs nothing: a form adds to the beginning of a row, where the picture's channels are not.
  const scaled: AddRow = (row, factor, sum) => add((row + first) % addition.rows, factor * scale, sum);
  if (dora) return decomposed(weight, scaled, await read(dora.part), dora.axis);
  return onto === "transposed" ? turned(scaled, addition) : scaled;
}

function turned(add: AddRow, { rows, depth }: Addition): AddRow {
  const whole = Array.from({ length: rows }, (_, row) => {
    const sum = new Float64Array(depth);
    add(row, 1, sum);
    return sum;
  });
  return (row, factor, sum) => {
    for (let i = 0; i < rows; i++) sum[i]! += factor * whole[i]![row]!;
  };
}

/**
 * DoRA (arXiv 2402.09353): W′ = g·(W + D) / ‖W + D‖, with the magnitudes g and the norms of each output, or of each input over all
 * outputs. A weight w takes that share of the way from W to W′.
 */
function decomposed(weight: Weight, add: AddRow, magnitudes: Float32Array, axis: "out" | "in"): AddRow {
  const { values, rows, depth, kernel } = weight;
  const direction = new Float64Array(depth);
  const directionOf = (row: number) => {
    for (let i = 0; i < depth; i++) direction[i] = values[row * depth + i]!;
    add(row, 1, direction);
    return direction;
  };
  const of = (row: number, i: number) => (axis === "out" ? row : Math.floor(i / kernel));
  const squares = new Float64Array(axis === "out" ? rows : depth / kernel);
  for (let row = 0; row < rows; row++) {
    for (const [i, value] of directionOf(row).entries()) squares[of(row, i)]! += value * value;
  }
  const ratios = squares.map((square, i) => (square === 0 ? 0 : magnitudes[i]! / Math.sqrt(square)));
  return (row, factor, sum) => {
    for (const [i, value] of directionOf(row).entries()) {
      sum[i]! += factor * (ratios[of(row, i)]! * value - values[row * depth + i]!);
    }
  };
}

/** The weights with `additions` merged in, in memory. Each is computed when a session first needs it, and kept. */
export function withMerged(
  placed: PlacedWeights,
  source: CheckpointSource,
  table: WeightTable,
  additions: TableAdditions,
  needs?: Needs,
): PlacedWeights {
  const type = plainType(needs);
  const tensors = new Map(placed.tensors);
  const files: PlacedFile[] = [...placed.files];
  const known = new Map<string, Promise<Uint8Array>>();
  for (const [name, all] of additions) {
    const ref = table.tensors.get(name)!;
    // No file has this name: the runtime is given its contents.
    const location = `merged/${table.folder}/${name}`;
    tensors.set(name, placedAs(type, { shape: ref.shape, location, offset: 0 }));
    const make = async () => {
      const values = await merged(source, name, ref, all);
      return new Uint8Array((type === "F16" ? toFloat16(name, values) : values).buffer);
    };
    const load = () => {
      const bytes = known.get(name) ?? make();
      known.set(name, bytes);
      return bytes;
    };
    files.push({ location, load });
  }
  return { ...placed, tensors, files };
}
