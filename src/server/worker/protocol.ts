/**
 * What the server and its inference process say to each other. The process keeps nothing that would be lost with it: a call
 * comes with all that it needs (a session's bytes only where it is not open), and nodes are sent back as they are finished.
 */
import type { CanvasChange } from "../../images/canvas.ts";
import type { Box } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import type { Selection } from "../../images/select-region.ts";
import type { EditModel, Understanding } from "../../method/edit-model.ts";
import type { Manifest, PieceEntry, StoredNode } from "../../session/file/schema.ts";
import type { EditWork, RelevanceWork, ReplayWork } from "../queue/work.ts";
import type { Loading } from "../schemas/index.ts";
import type { MaskReading } from "./mask-reading.ts";

/** A session, and the model it is edited by, as loadModel takes it. */
export interface Subject {
  readonly session: string;
  readonly model: string;
  /** Its file's bytes; null in a call for a session that may be open. If it is not, the answer is "needs-session". */
  readonly file: Uint8Array | null;
}

/** The answer to a call that came without the session's bytes, where they are needed. */
export class NeedsSession extends Error {
  constructor() {
    super("the session is not open in this process");
  }
}

export type PieceData = PieceEntry & { readonly bytes: Uint8Array };
/** The masks that a piece of work names, by their ids. */
export type Masks = Readonly<Record<string, PieceData>>;

/** What a mask is made of: a picture, a box, or others together. */
export type MaskSource =
  | ({ readonly upload: Uint8Array } & MaskReading)
  | { readonly box: Box }
  /** The thing at a point, or what a box was drawn around, in a picture. */
  | { readonly select: Selection; readonly picture: Uint8Array }
  | { readonly pieces: readonly PieceData[] }
  | { readonly border: Border };

/** What an expansion adds to a picture of the size `before`. */
export interface Border {
  readonly before: Size;
  readonly canvas: CanvasChange;
}

export interface Calls {
  load: { params: { model: string }; result: Pick<EditModel, "fingerprint" | "olderFingerprints"> };
  open: {
    params: Omit<Subject, "file"> & { picture: Uint8Array; workingSize?: number | "own"; maxPixels: number };
    result: {
      manifest: Manifest;
      pieces: PieceData[];
      png: Uint8Array;
      warnings: string[];
      familiar: boolean | null;
    };
  };
  edit: { params: Subject & { work: EditWork; masks: Masks }; result: Record<string, never> };
  replay: {
    params: Subject & { work: ReplayWork; masks: Masks };
    result: { replaced: Record<string, string> };
  };
  relevance: {
    params: Subject & { work: RelevanceWork };
    result: { map: MaskData; mask: MaskData };
  };
  understand: { params: Subject & { node: string; instruction: string }; result: Understanding };
  render: { params: Subject & { node: string }; result: { png: Uint8Array } };
  compare: {
    params: Subject & { a: string; b: string };
    result: { inside: Numbers; outside: Numbers };
  };
  /** Needs no model. `show`: its picture too. */
  mask: {
    params: {
      source: MaskSource;
      width: number;
      height: number;
      maxPixels: number;
      show?: boolean;
    };
    result: MaskData & { given: Size; coverage: number; warnings: string[]; png?: Uint8Array };
  };
  /** Whether a session file is whole. Needs no model. @throws EmilieError "session.malformed", "image.too-large" */
  check: {
    params: { file: Uint8Array; maxPixels: number };
    result: { damage: string | null };
  };
  difference: { params: Subject & { a: string; b: string; gain: number }; result: { png: Uint8Array } };
}

export interface Numbers {
  readonly mae: number;
  readonly psnr: number;
  readonly changedPixels: number;
  readonly pixels: number;
}
export interface MaskData {
  readonly id: string;
  readonly piece: PieceData;
}

export type Method = keyof Calls;
/** The calls that are about a session. */
export type SessionMethod = {
  [M in Method]: Calls[M]["params"] extends Subject ? M : never;
}[Method];
export type Params<M extends Method> = Calls[M]["params"];
export type Result<M extends Method> = Calls[M]["result"];

/** What happens while a call runs. */
export type CallEvent =
  | {
      readonly type: "progress";
      readonly step: number;
      readonly steps: number;
      readonly edit: number;
      readonly edits: number;
      readonly secondsLeft: number | null;
    }
  | { readonly type: "preview"; readonly edit: number; readonly step: number; readonly picture: string }
  /** Something about the request that its maker should know, and that is no error. */
  | { readonly type: "remark"; readonly text: string }
  | {
      readonly type: "node";
      readonly edit: number;
      readonly node: StoredNode;
      readonly pieces: readonly PieceData[];
      readonly png: Uint8Array;
    };

export type ToWorker =
  | { readonly kind: "call"; readonly id: number; readonly method: Method; readonly params: unknown }
  | { readonly kind: "cancel" | "keep"; readonly id: number };

export type FromWorker =
  | { readonly kind: "ready" }
  /** What is made of a model before it runs; null where that is over. */
  | { readonly kind: "loading"; readonly model: string; readonly loading: Loading | null }
  | { readonly kind: "memory"; readonly bytes: number }
  | { readonly kind: "event"; readonly id: number; readonly event: CallEvent }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  /** The call's session is not open, or lacks a node: the call has to be repeated with the session's file. */
  | { readonly kind: "needs-session"; readonly id: number }
  | { readonly kind: "error"; readonly id: number; readonly code: string; readonly message: string };
