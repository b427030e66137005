/**
 * The part of ONNX's protobuf (onnx.proto, IR version 10) that a graph of this package needs, written field by field.
 * Field numbers are onnx.proto's own; messages are written in the order in which that file declares them.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export type FloatType = "float32" | "float16";
export type ElementType = FloatType | "int32" | "int64" | "uint8" | "int8";

/** TensorProto.DataType */
export const DATA_TYPE: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
};
/** Bytes of one value. */
export const BYTES_OF: Readonly<Record<ElementType, number>> = {
  float32: 4,
  float16: 2,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
};
const LOCATION_EXTERNAL = 1;

/** AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

export type Attribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string };

export interface NodeProto {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Bytes inside a file that ORT maps into memory: `location` is what the runtime resolves, `offset` any byte. */
export interface ExternalBytes {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

export interface InitializerProto {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array | ExternalBytes;
}

export interface ValueProto {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
}

export interface ModelProto {
  readonly name: string;
  /** Operator set version by domain; "" is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly InitializerProto[];
  readonly inputs: readonly ValueProto[];
  readonly outputs: readonly ValueProto[];
  /** Results of nodes whose types and shapes are told beside. */
  readonly values?: readonly ValueProto[];
}

export function encodeModel(model: ModelProto): Uint8Array {
  const w = new BinaryWriter();
  int(w, 1, 10); // ir_version
  text(w, 2, "emilie"); // producer_name
  message(w, 7, () => graph(w, model));
  for (const [domain, version] of Object.entries(model.opsets)) {
    message(w, 8, () => {
      text(w, 1, domain);
      int(w, 2, version);
    });
  }
  return w.finish();
}

function graph(w: BinaryWriter, model: ModelProto): void {
  for (const n of model.nodes) message(w, 1, () => node(w, n));
  text(w, 2, model.name);
  for (const i of model.initializers) message(w, 5, () => initializer(w, i));
  for (const v of model.inputs) message(w, 11, () => valueInfo(w, v));
  for (const v of model.outputs) message(w, 12, () => valueInfo(w, v));
  for (const v of model.values ?? []) message(w, 13, () => valueInfo(w, v));
}

function node(w: BinaryWriter, n: NodeProto): void {
  for (const name of n.inputs) text(w, 1, name);
  for (const name of n.outputs) text(w, 2, name);
  text(w, 3, n.name);
  text(w, 4, n.op);
  for (const [name, value] of Object.entries(n.attributes)) message(w, 5, () => attribute(w, name, value));
  if (n.domain) text(w, 7, n.domain);
}

function attribute(w: BinaryWriter, name: string, value: Attribute): void {
  text(w, 1, name);
  if ("float" in value) {
    w.tag(2, WireType.Bit32).float(value.float);
    int(w, 20, ATTRIBUTE.float);
  } else if ("int" in value) {
    int(w, 3, value.int);
    int(w, 20, ATTRIBUTE.int);
  } else if ("string" in value) {
    text(w, 4, value.string);
    int(w, 20, ATTRIBUTE.string);
  } else {
    for (const i of value.ints) int(w, 8, i);
    int(w, 20, ATTRIBUTE.ints);
  }
}

function initializer(w: BinaryWriter, t: InitializerProto): void {
  for (const d of t.dims) int(w, 1, d);
  int(w, 2, DATA_TYPE[t.type]);
  text(w, 8, t.name);
  if (t.data instanceof Uint8Array) {
    w.tag(9, WireType.LengthDelimited).bytes(t.data);
    return;
  }
  const entries = { location: t.data.location, offset: String(t.data.offset), length: String(t.data.length) };
  for (const [key, value] of Object.entries(entries)) {
    message(w, 13, () => {
      text(w, 1, key);
      text(w, 2, value);
    });
  }
  int(w, 14, LOCATION_EXTERNAL);
}

function valueInfo(w: BinaryWriter, v: ValueProto): void {
  text(w, 1, v.name);
  message(w, 2, () => {
    // TypeProto.tensor_type
    message(w, 1, () => {
      int(w, 1, DATA_TYPE[v.type]);
      message(w, 2, () => {
        for (const d of v.shape) message(w, 1, () => int(w, 1, d));
      });
    });
  });
}

function int(w: BinaryWriter, field: number, value: number): void {
  w.tag(field, WireType.Varint).int64(value);
}

function text(w: BinaryWriter, field: number, value: string): void {
  w.tag(field, WireType.LengthDelimited).string(value);
}

function message(w: BinaryWriter, field: number, body: () => void): void {
  w.tag(field, WireType.LengthDelimited).fork();
  body();
  w.join();
}
