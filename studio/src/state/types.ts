/** What the studio knows at a moment. Masks while they are painted live outside of it (painting/regions.ts). */
import type { Picture, PresetName } from "../../../src/web.ts";
import type {
  Backend,
  CallState,
  EditRequest,
  EditSettings,
  ModelInfo,
  SessionSummary,
  SessionView,
} from "../backend/backend.ts";
import type { Place } from "../canvas/align.ts";
import type { Layer } from "../painting/layer.ts";

export type Tool = "move" | "select" | "brush" | "eraser" | "box" | "lasso" | "fill" | "crop" | "expand";
export const PAINTING: readonly Tool[] = ["select", "brush", "eraser", "box", "lasso", "fill"];

export type Phase =
  | { readonly kind: "starting" }
  | { readonly kind: "start" }
  | {
      readonly kind: "opening";
      readonly name: string;
      readonly what: string;
      readonly fraction?: number;
      readonly picture?: string;
    }
  | {
      readonly kind: "editing";
      /** What is still waited for before anything can be computed. */
      readonly loading?: { readonly what: string; readonly fraction?: number };
    }
  /** Nothing works: no backend, or a browser that lacks what is needed. */
  | { readonly kind: "broken"; readonly message: string };

export interface Job {
  readonly kind: "edit" | "variations" | "replay" | "heat" | "canvas";
  readonly title: string;
  readonly step: number;
  readonly steps: number;
  /** Which of how many edits runs, from 1. */
  readonly index: number;
  readonly count: number;
  readonly secondsLeft: number | null;
  readonly preview: Picture | null;
  readonly stopping: boolean;
  /** False while the server that computes cannot be reached. */
  readonly connected: boolean;
  /** How many come before it; null once it runs. */
  readonly position: number | null;
  /** What is made of the model's weights before it can run. */
  readonly making: CallState["making"];
}

/** A mask, one byte a pixel. */
export type LayerCopy = Pick<Layer, "width" | "height" | "data">;

/** Words, places, references and seed as they stood. */
export interface Draft extends Pick<StudioState, "regions" | "painted" | "references"> {
  readonly seed: bigint;
  /** The painted masks, by region. */
  readonly layers: ReadonlyMap<number, LayerCopy>;
  /** Where the picture lies that they were painted on. */
  readonly place: Place;
}

/** An edit that was asked for. */
export interface Queued {
  readonly id: number;
  readonly title: string;
  readonly settings: EditSettings;
  readonly steps: number;
  readonly count: number;
  /** What it was made of; null where it was asked for elsewhere than in the dock, and then `given` is. */
  readonly draft: Draft | null;
  readonly given: Pick<EditRequest, "regions" | "references"> | null;
  /** It was stopped, failed or refused, and runs where it is asked for again. */
  readonly held?: boolean;
}

/** The edit that runs. */
export interface Asked extends Queued {
  /** The step that it is made from. */
  readonly from: string;
}

/** The canvas as it is to be, in pixels of the picture that is shown. */
export interface CanvasBox {
  readonly kind: "crop" | "expand";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The step that it takes the place of. */
  readonly replaces?: string;
}

export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Notice {
  readonly id: number;
  readonly kind: "info" | "error";
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  /** To which its action belongs: over another picture it would be untrue. */
  readonly session?: string;
}

export type CompareMode = "slider" | "side" | "difference";

export interface Compare {
  readonly mode: CompareMode;
  /** The node on the left; on the right is the head. */
  readonly with: string;
  /** Where the slider stands, from 0 to 1. */
  readonly at: number;
}

export interface RegionView {
  readonly id: number;
  readonly instruction: string;
  /** Absent: everywhere. */
  readonly masked: boolean;
  readonly automatic: { readonly threshold: number } | null;
}

export interface Settings {
  readonly seed: bigint;
  readonly seedLocked: boolean;
  readonly strength: number;
  readonly variations: number;
  /** How much is computed. */
  readonly preset: PresetName;
  /** undefined: the preset's. */
  readonly steps?: number;
  readonly sampler?: string;
  readonly textGuidance?: number;
  readonly imageGuidance?: number;
  readonly control?: string;
  readonly gate?: number;
  readonly detail?: "on" | "off";
}

export interface StudioState {
  readonly backend: Backend;
  readonly phase: Phase;
  readonly models: readonly ModelInfo[];
  readonly model: string;
  readonly recent: readonly SessionSummary[];
  readonly recentBin: readonly SessionSummary[];
  /** A picture that was dropped or pasted while a session is open: what for, is being asked. */
  readonly received: { readonly file: File; readonly name: string } | null;
  readonly session: SessionView | null;
  /** The pictures of the head, its parent and what it is compared with, by node; filled as they arrive. */
  readonly pictures: ReadonlyMap<string, Picture>;
  readonly job: Job | null;
  /** The edit that `job` carries out, or that a page which is gone had carried out. */
  readonly asked: Asked | null;
  /** Edits that wait for the one before them. */
  readonly queue: readonly Queued[];
  /** What a screen reader hears of the job. */
  readonly said: string;
  readonly notices: readonly Notice[];
  readonly online: boolean;

  readonly tool: Tool;
  readonly brush: { readonly size: number; readonly softness: number };
  readonly regions: readonly RegionView[];
  readonly region: number;
  /** Grows with every change of a mask, so that whoever draws masks knows. */
  readonly painted: number;
  readonly canUndoStroke: boolean;
  readonly canRedoStroke: boolean;

  /** Pictures that the instruction refers to. */
  readonly references: readonly File[];
  /** A crop or an expansion that is being drawn. */
  readonly canvas: CanvasBox | null;

  /** A place that is being framed by keys, in shares of the picture. */
  readonly frame: Frame | null;

  readonly settings: Settings;
  readonly compare: Compare | null;
  /** The parent is shown while a key is held. */
  readonly peek: boolean;
  /** Where the head differs from its parent is tinted. */
  readonly showChanges: boolean;
  /** Variations that are shown as a strip. */
  readonly variations: readonly string[];
  readonly stars: readonly string[];
  /** What was deleted last, where nothing else was done since. */
  readonly deleted: readonly string[];
  /** A node whose mask is shown, as the pointer rests on it. */
  readonly hovered: string | null;
  readonly panel: "keys" | "export" | "model" | "settings" | "history" | null;
  readonly past: readonly string[];
}
