/** The bar on top: which picture, what to do with it, and with which model. */
import {
  ChevronDown,
  CircleHelp,
  FolderOpen,
  GitCompare,
  Plus,
  Redo2,
  SlidersHorizontal,
  SunMoon,
  Undo2,
  WifiOff,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { ExportButton } from "../export/export.tsx";
import { nameOf } from "../history/names.ts";
import { pickFile } from "../start/pick-file.ts";
import { compareWith, goToStart, redoEdit, renameSession, undoEdit } from "../state/session.ts";
import { set, useStudio } from "../state/store.ts";
import { IconButton } from "../ui/controls.tsx";
import { ModelButton } from "./model.tsx";
import { switchTheme } from "./theme.ts";

export function Topbar() {
  const editing = useStudio((s) => s.phase.kind === "editing");
  const online = useStudio((s) => s.online);
  return (
    <header className="topbar">
      <button
        type="button"
        className="wordmark"
        onClick={() => void goToStart()}
        aria-label="emilie, to the start page"
      >
        emilie
      </button>
      {editing && <SessionName />}
      <span className="spacer" />
      {!online && (
        <span className="offline" role="status">
          <WifiOff size={16} strokeWidth={1.75} aria-hidden /> <span>Offline</span>
        </span>
      )}
      {editing && <EditingButtons />}
      <ModelButton />
      <IconButton label="Light or dark" icon={SunMoon} onClick={switchTheme} className="wide-only" />
      <IconButton
        label="Keys"
        keys="?"
        icon={CircleHelp}
        onClick={() => set({ panel: "keys" })}
        className="wide-only"
      />
    </header>
  );
}

function EditingButtons() {
  const session = useStudio((s) => s.session)!;
  const compare = useStudio((s) => s.compare);
  const panel = useStudio((s) => s.panel);
  const head = session.nodes.find(({ id }) => id === session.head)!;
  const canRedo = session.nodes.some(({ parent }) => parent === session.head);
  const other = head.parent ?? session.nodes.find(({ id }) => id !== session.head)?.id;
  return (
    <>
      <IconButton
        label="Step back"
        keys="Z"
        icon={Undo2}
        disabled={head.parent === null}
        onClick={() => void undoEdit()}
      />
      <IconButton
        label="Step forward"
        keys="⇧ Z"
        icon={Redo2}
        disabled={!canRedo}
        onClick={() => void redoEdit()}
      />
      <span className="separator wide-only" />
      <IconButton
        label={compare ? "Stop comparing" : "Compare with the step before"}
        keys="C"
        icon={GitCompare}
        pressed={compare !== null}
        disabled={other === undefined}
        onClick={() => void compareWith(compare ? null : (other ?? null))}
      />
      <ExportButton />
      <IconButton
        label="Settings"
        icon={SlidersHorizontal}
        className="narrow-only"
        pressed={panel === "settings"}
        onClick={() => set({ panel: panel === "settings" ? null : "settings" })}
      />
      <span className="separator wide-only" />
    </>
  );
}

function SessionName() {
  const session = useStudio((s) => s.session)!;
  const [renaming, setRenaming] = useState(false);
  if (renaming) {
    return (
      <input
        className="rename session-rename"
        aria-label="Name of the session"
        defaultValue={session.name}
        // biome-ignore lint/a11y/noAutofocus: it appears because the user asked to write in it
        autoFocus
        onBlur={(event) => {
          void renameSession(event.target.value);
          setRenaming(false);
        }}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
        }}
      />
    );
  }
  const head = session.nodes.find(({ id }) => id === session.head)!;
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <button
          type="button"
          className="text-button session-name"
          aria-label={`Session ${session.name}, ${nameOf(head)}`}
        >
          <span>{session.name}</span>
          <ChevronDown size={12} aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" sideOffset={4} collisionPadding={8}>
          <DropdownMenu.Item className="menu-item" onSelect={() => setTimeout(() => setRenaming(true))}>
            Rename
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={pickFile}>
            <FolderOpen size={16} strokeWidth={1.75} aria-hidden /> Open…<kbd>Ctrl O</kbd>
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void goToStart()}>
            <Plus size={16} strokeWidth={1.75} aria-hidden /> Examples and recent
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
