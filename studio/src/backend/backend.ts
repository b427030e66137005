/**
 * What the studio needs from whoever computes. Two implementations: the page itself, and `emilie serve` over HTTP. All
 * views are plain values; a change gives the new view of the whole session, so that the page never guesses.
 */
import type {
  Box,
  CanvasChange,
  Changes,
  Drift,
  Mask,
  Picture,
  PresetName,
  Sides,
  Understanding,
} from "../../../src/web.ts";

export interface ModelDefaults {
  readonly steps: number;
  readonly textGuidance: number;
  readonly imageGuidance: number;
  readonly sampler: string;
}

export interface ModelInfo {
  readonly id: string;
  readonly title: string;
  /** One sentence for people. */
  readonly summary: string;
  /** What it can do, as groups of instructions that work. */
  readonly can: readonly { readonly title: string; readonly instructions: readonly string[] }[];
  /** What it cannot, said before it is tried. */
  readonly cannot: string;
  /** The longer side it works at, in pixels. */
  readonly nativeSize: number;
  /** The number of reference pictures that an edit may have. */
  readonly maxReferences: number;
  /** The least guidance that may be set; null where it is 1 in every edit, as with a distilled model. */
  readonly leastTextGuidance: number | null;
  readonly leastImageGuidance: number | null;
  /** What each preset stands for with this model. */
  readonly presets: Readonly<Partial<Record<PresetName, ModelDefaults>>>;
  /** Below it a change is carried over; 0 where the model states none. */
  readonly gate: number;
  readonly samplers: readonly string[];
  readonly controls: readonly string[];
  /** Of what has to be fetched before it runs. */
  readonly bytes?: number;
  /** Its name, and what it means in a sentence; absent where it is not known. */
  readonly license?: { readonly name: string; readonly says: string };
  /** What an edit needs on the machine that computes; absent where it is not known. */
  readonly plan?: ModelNeeds;
  /** Why it cannot be chosen here, and what to do; absent where it can. */
  readonly unavailable?: string;
  /** Backend.pull can fetch it. */
  readonly fetchable?: boolean;
  /** Backend.removeModel can remove what is kept of it. */
  readonly removable?: boolean;
  /** It is being fetched, or that went wrong. */
  readonly pull?: ModelPull;
}

export interface ModelNeeds {
  /** The most exact one that works there; null where there is too little of something. */
  readonly precision: string | null;
  /** Of an edit of the size that the model was made for. */
  readonly memoryBytes: number;
  /** Beside the download, for what is made of its weights once. */
  readonly diskBytes: number;
  readonly slowly: boolean;
}

export interface ModelPull {
  readonly bytes: number;
  /** Of all files; null until the hub has said. */
  readonly totalBytes: number | null;
  readonly secondsLeft: number | null;
  /** What went wrong and what to do; it may be fetched again, and goes on where it was. */
  readonly error: string | null;
}

export interface NodeRegion {
  readonly instruction: string;
  readonly hasMask: boolean;
  /** Equal for equal masks. */
  readonly mask?: string;
  readonly weight?: number;
}

export interface NodeSettings {
  readonly seed: string;
  readonly steps: number;
  readonly sampler: string;
  readonly textGuidance: number;
  readonly imageGuidance: number;
  readonly control: string;
  readonly strength: number;
  readonly gate: number;
  readonly detail?: "on";
}

/** A window of the picture that is kept, or room around it in pixels; one of them. */
export interface CanvasRequest {
  readonly crop?: Box;
  readonly expand?: Sides;
}

export interface NodeView {
  readonly id: string;
  readonly parent: string | null;
  readonly name?: string;
  /** "" for the original. */
  readonly instruction: string;
  readonly regions: readonly NodeRegion[];
  readonly settings: NodeSettings | null;
  /** How many pictures its instruction refers to. */
  readonly references: number;
  readonly hasMask: boolean;
  /** Of its picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The crop or the expansion that it is, in the pixels of the picture before it. */
  readonly canvas?: CanvasChange;
  /** False where no mask left anything to change. */
  readonly changed: boolean;
  /** False where the model understood nothing of what was asked: the picture is the parent's. */
  readonly understood: boolean;
  /** What was not carried out, in words, and the nearest instructions that the model knows. */
  readonly refused: readonly {
    readonly instruction: string;
    readonly message: string;
    readonly nearest: readonly string[];
  }[];
  readonly seconds: number;
  readonly drift?: Drift;
  /** What the edit did to the picture, once drift was measured. */
  readonly changes?: Changes;
}

export interface SessionView {
  readonly id: string;
  readonly name: string;
  readonly model: string;
  /** Of the head's picture. */
  readonly width: number;
  readonly height: number;
  readonly head: string;
  /** The original first, every node after its parent. */
  readonly nodes: readonly NodeView[];
  /** What was deleted, and can be brought back. */
  readonly bin: readonly NodeView[];
  /** Whether the picture is of the world that the model was made for; null: it takes any, or it is not known. */
  readonly familiar: boolean | null;
  /** What of the file that was just opened is not in the picture, or was repaired; in sentences. Absent: nothing. */
  readonly notes?: readonly string[];
  /** Where it is computed, and why not on the graphics card; absent: not known. */
  readonly device?: { readonly gpu: boolean; readonly reason?: string };
}

export interface SessionSummary {
  readonly id: string;
  readonly name: string;
  readonly edits: number;
  /** Of its original: equal for equal pictures. */
  readonly root: string;
  /** Milliseconds since 1970. */
  readonly updated: number;
  readonly thumbnail?: Blob | string;
}

export interface EditSettings {
  readonly seed: bigint;
  readonly strength: number;
  /** How much is computed; what is set below beats it. */
  readonly preset?: PresetName;
  readonly steps?: number;
  readonly sampler?: string;
  readonly textGuidance?: number;
  readonly imageGuidance?: number;
  readonly control?: string;
  /** Below it a change is carried over from the picture before; 0 takes everything. */
  readonly gate?: number;
  /** Whether a picture larger than the model works at keeps its own detail, as it does unless "off". */
  readonly detail?: "on" | "off";
}

export interface EditRequest extends EditSettings {
  readonly from: string;
  readonly regions: readonly {
    readonly instruction: string;
    readonly mask?: Mask;
    readonly weight?: number;
  }[];
  /** Pictures that the instruction refers to. Default: none. */
  readonly references?: readonly Blob[];
}

export interface ReplayRequest extends Partial<EditSettings>, CanvasRequest {
  readonly node: string;
  /** Of what follows, only the way to this node is made again. */
  readonly until?: string;
  readonly instruction?: string;
}

export interface Progress {
  /** Steps done; 0 before the first. */
  readonly step: number;
  readonly steps: number;
  /** What the finished edit would show by now, laid over its parent. */
  readonly preview?: Picture;
}

/** How it stands with a call that is under way elsewhere. */
export interface CallState {
  /** What is made of the model's weights before its first edit, and how much of it is there, from 0 to 1; null once it is. */
  readonly making?: { readonly what: string; readonly fraction: number; readonly secondsLeft: number } | null;
  /** False while the server cannot be reached; what it was asked for goes on all the same. */
  readonly connected?: boolean;
  /** How many come before it; null once it runs. */
  readonly position?: number | null;
}

export interface Call {
  readonly signal?: AbortSignal;
  /** Ends the edit with its preview as the result; the recipe says after which step. */
  readonly keep?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Called with the session as each of several nodes is finished. */
  readonly onNode?: (session: SessionView) => void;
  /** Called where a call waits for others, or loses its connection and has it again. */
  readonly onState?: (state: CallState) => void;
  /** Hears what was noticed about the request and is no error, as a mask where nothing may change. */
  readonly onRemark?: (remark: string) => void;
}

export interface Loading {
  readonly signal?: AbortSignal;
  /** What is being waited for, and how much of it is there, from 0 to 1, where that is known. */
  readonly onLoading?: (what: string, fraction?: number) => void;
}

/** What is computed elsewhere, begun by a page that is gone. */
export interface Running {
  /** Its instruction; of several the first. */
  readonly title: string;
  /** The node that it is made from. */
  readonly from: string;
  follow(call: Call): Promise<SessionView>;
}

export type PictureFormat = "png" | "jpeg" | "webp" | "avif";

export interface Backend {
  readonly kind: "page" | "server";
  /** Where pictures go, for people who care. */
  readonly privacy: "page" | "server";
  readonly formats: readonly PictureFormat[];
  /** Hears of what went wrong beside what was asked for, as a session that could not be saved; what was asked for is done. */
  onTrouble?: (error: unknown) => void;
  models(): Promise<readonly ModelInfo[]>;
  /**
   * Begins to fetch a model by its name on the hub; how far it is, models() says. A page looks at one that is not in the list first, which then
   * is, with its size and licence. Absent where nothing can be fetched.
   */
  pull?(name: string): Promise<void>;
  /** Stops fetching it, or forgets what went wrong; what has arrived is kept. */
  stopPull?(id: string): Promise<void>;
  /** Removes what is kept of a model that was fetched. Absent where that is done elsewhere. */
  removeModel?(id: string): Promise<void>;
  /** The one changed last first. `search`: only those whose name or instructions hold it; `bin`: those in the bin. */
  sessions(options?: {
    readonly search?: string;
    readonly bin?: boolean;
  }): Promise<readonly SessionSummary[]>;
  /** Opens a picture, or a session file. */
  open(file: Blob, name: string, model: string, loading?: Loading): Promise<SessionView>;
  resume(id: string, loading?: Loading): Promise<SessionView>;
  /** For good. */
  forget(id: string): Promise<void>;
  /** Into the bin, from where it comes back for 30 days. */
  discard(id: string): Promise<void>;
  recover(id: string): Promise<void>;
  edit(id: string, request: EditRequest, call?: Call): Promise<SessionView>;
  /** A crop or an expansion, as a step of its own. */
  changeCanvas(id: string, from: string, change: CanvasRequest, call?: Call): Promise<SessionView>;
  replay(id: string, request: ReplayRequest, call?: Call): Promise<SessionView>;
  /** What still runs in a session, begun by a page that is gone: how to follow it. Absent where nothing outlives the page. */
  running?(id: string): Promise<Running | null>;
  moveHead(id: string, node: string): Promise<SessionView>;
  /** Also of one that is not open. */
  renameSession(id: string, name: string): Promise<void>;
  rename(id: string, node: string, name: string): Promise<SessionView>;
  /** Into the bin, with everything that was made from it. */
  remove(id: string, nodes: readonly string[]): Promise<SessionView>;
  /** Out of the bin, with what each was made from and what was made from it. */
  restore(id: string, nodes: readonly string[]): Promise<SessionView>;
  /** Whether the model knows how to do this; quick, and nothing is computed of the edit itself. */
  understand(id: string, node: string, instruction: string): Promise<Understanding>;
  picture(id: string, node: string): Promise<Picture>;
  /** Where the node was allowed to change, of one region or of all; null: everywhere. */
  mask(id: string, node: string, region?: number): Promise<Mask | null>;
  /** The pictures that a node's instruction refers to, in their order. */
  references(id: string, node: string): Promise<readonly File[]>;
  /** How much an instruction concerns each place, from 0 to 1. */
  heat(id: string, node: string, instruction: string, call?: Call): Promise<Mask>;
  measure(id: string, node: string): Promise<SessionView>;
  exportPicture(id: string, node: string, format: PictureFormat, quality: number): Promise<Blob>;
  exportSession(id: string): Promise<Blob>;
}
