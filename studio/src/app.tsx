import { Dialog, Tooltip } from "radix-ui";
import { type ReactNode, useEffect } from "react";
import { Stage } from "./canvas/stage.tsx";
import { Dock } from "./edit/dock.tsx";
import { SettingsPanel } from "./edit/settings.tsx";
import { VariationStrip } from "./edit/variations.tsx";
import { Filmstrip } from "./history/filmstrip.tsx";
import { History } from "./history/history.tsx";
import { ReceivedDialog, useDrop } from "./shell/drop.tsx";
import { ForeignBanner } from "./shell/foreign.tsx";
import { KeySheet, listenToKeys } from "./shell/keys.tsx";
import { Notices } from "./shell/notices.tsx";
import { Topbar } from "./shell/topbar.tsx";
import { Broken, Opening, StillLoading } from "./start/opening.tsx";
import { Start } from "./start/start.tsx";
import { isEarly } from "./state/early.ts";
import { isBlankDraft } from "./state/mask.ts";
import { listenToHistory } from "./state/session.ts";
import { get, report, set, useStudio } from "./state/store.ts";
import { loadPictures } from "./state/view.ts";
import { useMedia } from "./ui/media.ts";
import { t } from "./words/index.ts";

export function App() {
  const phase = useStudio((s) => s.phase);
  const dropping = useDrop();
  useEffect(listenToKeys, []);
  useEffect(listenToHistory, []);
  useEffect(() => {
    // Only where this page computes, or what it shows is not kept anywhere yet, is something lost with it.
    const ask = (event: BeforeUnloadEvent) => {
      if ((get().backend.kind === "page" && get().job) || (isEarly() && !isBlankDraft()))
        event.preventDefault();
    };
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  useEffect(() => {
    const change = () => {
      set({ online: navigator.onLine });
      // What could not be fetched meanwhile.
      if (navigator.onLine) void loadPictures().catch(report);
    };
    addEventListener("online", change);
    addEventListener("offline", change);
    return () => {
      removeEventListener("online", change);
      removeEventListener("offline", change);
    };
  }, []);
  return (
    <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
      <div className="app" data-phase={phase.kind}>
        <Topbar />
        {phase.kind === "start" && <Start />}
        {phase.kind === "opening" && <Opening />}
        {phase.kind === "broken" && <Broken message={phase.message} />}
        {phase.kind === "editing" && <Editor />}
        <Notices />
        <KeySheet />
        <ReceivedDialog />
        {dropping && (
          <div className="drop" aria-hidden>
            <span>{t.dropHere}</span>
          </div>
        )}
      </div>
    </Tooltip.Provider>
  );
}

function Editor() {
  const choosing = useStudio((s) => s.variations.length > 0);
  const [narrow, tiny] = [
    useMedia("(width < 64em), (height <= 30em)"),
    useMedia("(width < 45em), (height <= 30em)"),
  ];
  return (
    <>
      {!tiny && (
        <aside className="side left">
          <History />
        </aside>
      )}
      <main className="middle">
        {tiny && <Filmstrip />}
        <ForeignBanner />
        <StillLoading />
        <div className="stage-holder">
          <Stage />
        </div>
        {choosing && <VariationStrip />}
        <Dock />
      </main>
      {tiny && (
        <Sheet panel="history" title={t.history}>
          <History />
        </Sheet>
      )}
      {narrow ? (
        <Sheet panel="settings" title={t.settings}>
          <SettingsPanel />
        </Sheet>
      ) : (
        <aside className="side right">
          <SettingsPanel />
        </aside>
      )}
    </>
  );
}

/** What has no room beside the picture, over its lower part. */
function Sheet({
  panel,
  title,
  children,
}: {
  panel: "settings" | "history";
  title: string;
  children: ReactNode;
}) {
  const open = useStudio((s) => s.panel === panel);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => set({ panel: next ? panel : null })}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="sheet" aria-describedby={undefined}>
          <Dialog.Title className="visually-hidden">{title}</Dialog.Title>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
