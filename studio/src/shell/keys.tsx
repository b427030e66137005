/** Every key, in one table: what listens to it and the sheet that explains it. */
import { Dialog } from "radix-ui";
import { fitToScreen, zoom } from "../canvas/camera.ts";
import { FIRST_FRAME } from "../canvas/key-frame.tsx";
import { gesture } from "../canvas/pointer.ts";
import { invert } from "../painting/layer.ts";
import { pickFile } from "../start/pick-file.ts";
import { changeSettings, edit, findPlace } from "../state/edit.ts";
import { stop } from "../state/job.ts";
import {
  addRegion,
  changeBrush,
  chooseTool,
  clearMask,
  featherMask,
  operate,
  redoStroke,
  undoStroke,
} from "../state/mask.ts";
import { compareWith, goTo, walk } from "../state/session.ts";
import { acceptVariation, flip, redoEdit, star, undoDelete, undoEdit } from "../state/steps.ts";
import { get, newSeed, set, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

interface Key {
  /** As KeyboardEvent.key, lower case; with "ctrl+" or "shift+" before it. */
  readonly keys: readonly string[];
  readonly shown: string;
  readonly label: string;
  readonly group: "Edit" | "History" | "Mask" | "View";
  readonly run: () => void;
}

const focusInstruction = () => document.getElementById("instruction")?.focus();

export function toggleCompare(): void {
  const { session, compare } = get();
  const head = session?.nodes.find(({ id }) => id === session.head);
  const other = head?.parent ?? session?.nodes.find(({ id }) => id !== session.head)?.id;
  void compareWith(compare ? null : (other ?? null));
}

/** Size steps grow with the size. */
const resize = (factor: number) => changeBrush({ size: get().brush.size * factor });

const KEYS: readonly Key[] = [
  {
    keys: ["/", "enter"],
    shown: "/",
    label: t.keyNames.writeAnInstruction,
    group: "Edit",
    run: focusInstruction,
  },
  {
    keys: ["ctrl+enter"],
    shown: "Ctrl ⏎",
    label: t.keyNames.editInTheBox,
    group: "Edit",
    run: () => void edit(),
  },
  {
    keys: ["s"],
    shown: "S",
    label: t.keyNames.anotherSeed,
    group: "Edit",
    run: () => changeSettings({ seed: newSeed() }),
  },
  {
    keys: ["n"],
    shown: "N",
    label: t.keyNames.anotherPlaceWithItsOwnInstruction,
    group: "Edit",
    run: addRegion,
  },
  {
    keys: ["ctrl+o"],
    shown: "Ctrl O",
    label: t.keyNames.openAPictureOrSession,
    group: "Edit",
    run: pickFile,
  },
  {
    keys: ["ctrl+s"],
    shown: "Ctrl S",
    label: t.keyNames.export,
    group: "Edit",
    run: () => set({ panel: "export" }),
  },
  { keys: ["z"], shown: "Z", label: t.keyNames.stepBack, group: "History", run: () => void undoEdit() },
  {
    keys: ["shift+z"],
    shown: "⇧ Z",
    label: t.keyNames.stepForward,
    group: "History",
    run: () => void redoEdit(),
  },
  {
    keys: ["arrowup"],
    shown: "↑",
    label: t.keyNames.toTheStepBefore,
    group: "History",
    run: () => void walk("up"),
  },
  {
    keys: ["arrowdown"],
    shown: "↓",
    label: t.keyNames.toTheStepAfter,
    group: "History",
    run: () => void walk("down"),
  },
  {
    keys: ["arrowleft"],
    shown: "←",
    label: t.keyNames.toTheBranchBeside,
    group: "History",
    run: () => void walk("left"),
  },
  {
    keys: ["arrowright"],
    shown: "→",
    label: t.keyNames.toTheOtherBranchBeside,
    group: "History",
    run: () => void walk("right"),
  },
  {
    keys: ["c"],
    shown: "C",
    label: t.keyNames.compareWithTheStepBefore,
    group: "History",
    run: toggleCompare,
  },
  { keys: ["v"], shown: "V", label: t.keyNames.moveAndZoom, group: "Mask", run: () => chooseTool("move") },
  { keys: ["w"], shown: "W", label: t.keyNames.selectAThing, group: "Mask", run: () => chooseTool("select") },
  { keys: ["b"], shown: "B", label: t.keyNames.brush, group: "Mask", run: () => chooseTool("brush") },
  { keys: ["e"], shown: "E", label: t.keyNames.eraser, group: "Mask", run: () => chooseTool("eraser") },
  { keys: ["r"], shown: "R", label: t.keyNames.rectangle, group: "Mask", run: () => chooseTool("box") },
  {
    keys: ["shift+r"],
    shown: "⇧ R",
    label: t.keyNames.rectangleByKeys,
    group: "Mask",
    run: () => set({ frame: FIRST_FRAME }),
  },
  { keys: ["l"], shown: "L", label: t.keyNames.lasso, group: "Mask", run: () => chooseTool("lasso") },
  { keys: ["g"], shown: "G", label: t.keyNames.fill, group: "Mask", run: () => chooseTool("fill") },
  { keys: ["k"], shown: "K", label: t.tools.crop, group: "Edit", run: () => chooseTool("crop") },
  { keys: ["u"], shown: "U", label: t.tools.expand, group: "Edit", run: () => chooseTool("expand") },
  { keys: ["m"], shown: "M", label: t.keyNames.automaticMask, group: "Mask", run: () => void findPlace() },
  { keys: ["["], shown: "[", label: t.keyNames.smallerBrush, group: "Mask", run: () => resize(1 / 1.2) },
  { keys: ["]"], shown: "]", label: t.keyNames.largerBrush, group: "Mask", run: () => resize(1.2) },
  { keys: ["i"], shown: "I", label: t.keyNames.invertTheMask, group: "Mask", run: () => operate(invert) },
  { keys: ["f"], shown: "F", label: t.keyNames.softenItsEdge, group: "Mask", run: featherMask },
  { keys: ["x"], shown: "X", label: t.keyNames.clearTheMask, group: "Mask", run: clearMask },
  {
    keys: ["ctrl+z"],
    shown: "Ctrl Z",
    label: t.keyNames.undoAStrokeElseAStep,
    group: "Mask",
    run: () => undoStroke() || undoDelete() || void undoEdit(),
  },
  {
    keys: ["ctrl+shift+z", "ctrl+y"],
    shown: "Ctrl ⇧ Z",
    label: t.keyNames.redoAStrokeElseAStep,
    group: "Mask",
    run: () => redoStroke() || void redoEdit(),
  },
  { keys: ["+", "="], shown: "+", label: t.keyNames.zoomIn, group: "View", run: () => zoom(1.25) },
  { keys: ["-"], shown: "−", label: t.keyNames.zoomOut, group: "View", run: () => zoom(1 / 1.25) },
  { keys: ["0"], shown: "0", label: t.keyNames.fitToTheWindow, group: "View", run: fitToScreen },
  { keys: ["?"], shown: "?", label: t.keyNames.thisSheet, group: "View", run: () => set({ panel: "keys" }) },
];

/** Held or handled on their own, listed for the sheet. */
const HELD = [
  { shown: "\\", label: t.keyNames.holdTheStepBefore, group: "View" },
  { shown: "Space", label: t.keyNames.holdAndDragMoveThePicture, group: "View" },
  { shown: "Alt", label: t.keyNames.holdTheToolErases, group: "Mask" },
  { shown: "1 … 9", label: t.keyNames.pickAVariation, group: "Edit" },
  { shown: "Esc", label: t.keyNames.stopLeavePutTheToolAway, group: "Edit" },
] as const;

const inText = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

function leave(): void {
  const { job, variations, compare, tool, panel } = get();
  if (job) stop();
  else if (panel) set({ panel: null });
  else if (variations.length > 0) acceptVariation();
  else if (compare) void compareWith(null);
  else if (tool !== "move") chooseTool("move");
}

/** A sign that some keyboards have only with AltGr or Option, which then count as part of it. */
const isSymbol = (key: string) => key.length === 1 && !/[\p{L}\p{N}\s]/u.test(key);

/** What a key means on any keyboard: Latin letters by what they say, others by where they lie. */
function keyOf(event: KeyboardEvent): { control: boolean; letter: string } {
  const altGr = isSymbol(event.key) && event.altKey;
  const control = (event.ctrlKey && !altGr) || event.metaKey;
  const letter = event.key.toLowerCase();
  const place = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
  const foreign = /^\p{L}$/u.test(letter) && !/^[a-z]$/.test(letter);
  return { control, letter: foreign && place ? place : letter };
}

function onKeyDown(event: KeyboardEvent): void {
  const { phase, job, variations, panel } = get();
  if (event.defaultPrevented || phase.kind !== "editing") return;
  if (event.key === "Escape") {
    // A dialog or menu closes itself first.
    if (inText(event.target) && !job) return;
    leave();
    return;
  }
  const { control, letter } = keyOf(event);
  if (inText(event.target) && !(control && event.key === "Enter")) {
    const global = control && ["s", "o"].includes(letter);
    if (!global) return;
  }
  if (panel === "keys" || (event.altKey && !isSymbol(event.key))) return;
  if (variations.length > 0 && /^[1-9]$/.test(event.key)) {
    const picked = variations[Number(event.key) - 1];
    if (picked) void goTo(picked);
    return;
  }
  if (variations.length > 0 && !inText(event.target)) {
    const act = {
      ArrowLeft: () => void flip(-1),
      ArrowRight: () => void flip(1),
      Enter: acceptVariation,
      "*": () => star(get().session!.head),
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
      return;
    }
  }
  if (event.key === " ") {
    // A focused button is pressed by the space bar.
    if (event.target instanceof HTMLButtonElement) return;
    gesture.spaceHeld = true;
    event.preventDefault();
    return;
  }
  if (event.key === "\\") {
    set({ peek: true });
    return;
  }
  const shift = event.shiftKey && /^[a-z]$/.test(letter) ? "shift+" : "";
  const name = `${control ? "ctrl+" : ""}${shift}${letter}`;
  const key = KEYS.find(({ keys }) => keys.includes(name));
  if (!key) return;
  // Enter and the arrows belong to the control that has the focus.
  const plainTarget = event.target === document.body || event.target instanceof HTMLCanvasElement;
  if (/^(enter|arrow)/.test(name) && !plainTarget) return;
  event.preventDefault();
  key.run();
}

function onKeyUp(event: KeyboardEvent): void {
  if (event.key === " ") gesture.spaceHeld = false;
  if (event.key === "\\") set({ peek: false });
}

export function listenToKeys(): () => void {
  const release = () => {
    gesture.spaceHeld = false;
    set({ peek: false });
  };
  addEventListener("keydown", onKeyDown);
  addEventListener("keyup", onKeyUp);
  addEventListener("blur", release);
  return () => {
    removeEventListener("keydown", onKeyDown);
    removeEventListener("keyup", onKeyUp);
    removeEventListener("blur", release);
  };
}

export function KeySheet() {
  const open = useStudio((s) => s.panel === "keys");
  const groups = ["Edit", "History", "Mask", "View"] as const;
  return (
    <Dialog.Root open={open} onOpenChange={(next) => set({ panel: next ? "keys" : null })}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog" aria-describedby={undefined}>
          <Dialog.Title>{t.keys}</Dialog.Title>
          <div className="key-groups">
            {groups.map((group) => (
              <section key={group}>
                <h3>{t.keyGroups[group]}</h3>
                <dl>
                  {[...KEYS, ...HELD]
                    .filter((key) => key.group === group)
                    .map(({ shown, label }) => (
                      <div key={label}>
                        <dt>{label}</dt>
                        <dd>
                          <kbd>{shown}</kbd>
                        </dd>
                      </div>
                    ))}
                </dl>
              </section>
            ))}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
