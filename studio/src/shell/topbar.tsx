/** The bar on top: which picture, what to do with it, and with which model. */
import {
  Box,
  Check,
  ChevronDown,
  CircleHelp,
  FolderOpen,
  GitCompare,
  Languages,
  Plus,
  Redo2,
  SlidersHorizontal,
  SunMoon,
  Undo2,
  WifiOff,
} from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useRef, useState } from "react";
import { ExportButton } from "../export/export.tsx";
import { nameOf } from "../history/names.ts";
import { pickFile } from "../start/pick-file.ts";
import { goToStart, renameSession } from "../state/session.ts";
import { redoEdit, undoEdit } from "../state/steps.ts";
import { modelOf, set, useStudio } from "../state/store.ts";
import { compareWith } from "../state/view.ts";
import { IconButton } from "../ui/controls.tsx";
import { chooseLanguage, LANGUAGES, type Language, language, t } from "../words/index.ts";
import { ModelButton } from "./model.tsx";
import { switchTheme } from "./theme.ts";

export function Topbar() {
  const editing = useStudio((s) => s.phase.kind === "editing");
  const online = useStudio((s) => s.online);
  return (
    <header className="topbar">
      <button type="button" className="wordmark" onClick={() => void goToStart()} aria-label={t.toStart}>
        e<span>milie</span>
      </button>
      {editing && <SessionName />}
      <span className="spacer" />
      {!online && (
        <span className="offline" role="status">
          <WifiOff size="1rem" strokeWidth={1.75} aria-hidden /> <span>{t.offline}</span>
        </span>
      )}
      {editing && <EditingButtons />}
      <ModelButton />
      <LanguageMenu />
      <IconButton label={t.lightOrDark} icon={SunMoon} onClick={switchTheme} className="wide-only" />
      <IconButton
        label={t.keys}
        keys="?"
        icon={CircleHelp}
        onClick={() => set({ panel: "keys" })}
        className="keys-button"
      />
    </header>
  );
}

function LanguageMenu() {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <IconButton label={t.language} icon={Languages} className="wide-only" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={4} collisionPadding={8}>
          <DropdownMenu.RadioGroup
            value={language}
            onValueChange={(next) => chooseLanguage(next as Language)}
          >
            {Object.entries(LANGUAGES).map(([id, name]) => (
              <DropdownMenu.RadioItem key={id} value={id} className="menu-item" lang={id}>
                {name}
                <DropdownMenu.ItemIndicator>
                  <Check size="1rem" aria-hidden />
                </DropdownMenu.ItemIndicator>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
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
        label={t.stepBack}
        keys="Z"
        icon={Undo2}
        disabled={head.parent === null}
        onClick={() => void undoEdit()}
      />
      <IconButton
        label={t.stepForward}
        keys="⇧ Z"
        icon={Redo2}
        className="redo"
        disabled={!canRedo}
        onClick={() => void redoEdit()}
      />
      <span className="separator wide-only" />
      <IconButton
        label={compare ? t.stopComparing : t.compareBefore}
        keys="C"
        icon={GitCompare}
        pressed={compare !== null}
        disabled={other === undefined}
        onClick={() => void compareWith(compare ? null : (other ?? null))}
      />
      <ExportButton />
      <IconButton
        label={t.settings}
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
  const toModels = useRef(false);
  const session = useStudio((s) => s.session)!;
  const model = useStudio(modelOf);
  const [renaming, setRenaming] = useState(false);
  if (renaming) {
    return (
      <input
        className="rename session-rename"
        aria-label={t.nameOfSession}
        defaultValue={session.name}
        // biome-ignore lint/a11y/noAutofocus: it appears because the user asked to write in it
        autoFocus
        onBlur={(event) => {
          void renameSession(session.id, event.target.value);
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
          aria-label={t.sessionAt(session.name, nameOf(head))}
        >
          <span>{session.name}</span>
          <ChevronDown size="0.75rem" aria-hidden />
        </button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className="menu"
          align="start"
          sideOffset={4}
          collisionPadding={8}
          onCloseAutoFocus={(event) => {
            if (!toModels.current) return;
            // The focus that a closed menu gives back would close what opens.
            event.preventDefault();
            toModels.current = false;
            set({ panel: "model" });
          }}
        >
          <DropdownMenu.Item className="menu-item" onSelect={() => setTimeout(() => setRenaming(true))}>
            {t.rename}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={pickFile}>
            <FolderOpen size="1rem" strokeWidth={1.75} aria-hidden /> {t.openDots}
            <kbd>Ctrl O</kbd>
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void goToStart()}>
            <Plus size="1rem" strokeWidth={1.75} aria-hidden /> {t.myWork}
          </DropdownMenu.Item>
          {/* A phone's bar has no room for the model's button. */}
          <DropdownMenu.Item
            className="menu-item phone-only"
            onSelect={() => {
              toModels.current = true;
            }}
          >
            <Box size="1rem" strokeWidth={1.75} aria-hidden /> {t.modelIs(model?.title ?? session.model)}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
