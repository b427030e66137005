/** Taking things home: the picture at its own size, the session, or the history as an animation. */
import { Download, FileStack, Film } from "lucide-react";
import { Popover } from "radix-ui";
import { useState } from "react";
import type { Picture } from "../../../src/web.ts";
import type { PictureFormat, SessionView } from "../backend/backend.ts";
import { nameOf } from "../history/names.ts";
import { whenOpened } from "../state/early.ts";
import { get, report, set, useStudio } from "../state/store.ts";
import { IconButton, Slider } from "../ui/controls.tsx";
import { download } from "../ui/pictures.ts";
import { t } from "../words/index.ts";
import { evenFrames } from "./frames.ts";
import { encodeGif } from "./gif.ts";
import { encodeAnimatedWebp } from "./webp.ts";

const SECONDS = 0.9;

export function ExportButton() {
  const open = useStudio((s) => s.panel === "export");
  return (
    <Popover.Root open={open} onOpenChange={(next) => set({ panel: next ? "export" : null })}>
      <Popover.Trigger asChild>
        <IconButton label={t.export} keys="Ctrl S" icon={Download} pressed={open} />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="popover export"
          align="end"
          sideOffset={8}
          collisionPadding={8}
          aria-label={t.export}
        >
          <ExportPanel />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function ExportPanel() {
  const session = useStudio((s) => s.session)!;
  const formats = useStudio((s) => s.backend.formats);
  const [format, setFormat] = useState<PictureFormat>("png");
  const [quality, setQuality] = useState(0.92);
  const [busy, setBusy] = useState(false);
  const head = session.nodes.find(({ id }) => id === session.head)!;
  const steps = pathOf(session);
  const save = async (make: (session: SessionView) => Promise<Blob>, name: string) => {
    setBusy(true);
    try {
      // A session that is being opened has no id to ask with yet.
      const opened = await whenOpened();
      const { session } = get();
      if (!opened || !session) return;
      download(await make(session), name);
      set({ panel: null });
    } catch (error) {
      report(error);
    } finally {
      setBusy(false);
    }
  };
  const base = fileName(head.parent === null ? session.name : `${session.name} ${nameOf(head)}`);
  const animate = async (session: SessionView, encode: (pictures: Picture[]) => Blob | Promise<Blob>) => {
    const pictures: Picture[] = [];
    for (const id of pathOf(session)) pictures.push(await get().backend.picture(session.id, id));
    return encode(evenFrames(pictures));
  };
  return (
    <>
      <h2>{t.picture}</h2>
      <p className="muted number">
        {session.width} × {session.height} · {nameOf(head)}
      </p>
      <div className="segments" role="radiogroup" aria-label={t.fileFormat}>
        {formats.map((one) => (
          <button
            type="button"
            key={one}
            role="radio"
            aria-checked={format === one}
            onClick={() => setFormat(one)}
          >
            {one === "jpeg" ? "JPEG" : one === "webp" ? "WebP" : one.toUpperCase()}
          </button>
        ))}
      </div>
      {format === "png" ? (
        <p className="muted">{t.exactPixels}</p>
      ) : (
        <Slider
          label={t.quality}
          value={quality}
          min={0.5}
          max={1}
          step={0.01}
          format={(q) => `${Math.round(100 * q)}`}
          onChange={setQuality}
        />
      )}
      <button
        type="button"
        className="button primary"
        disabled={busy}
        onClick={() =>
          void save(
            ({ id, head }) => get().backend.exportPicture(id, head, format, quality),
            `${base}.${format === "jpeg" ? "jpg" : format}`,
          )
        }
      >
        <Download size="1rem" strokeWidth={1.75} aria-hidden /> {t.savePicture}
      </button>
      <hr />
      <button
        type="button"
        className="button"
        disabled={busy}
        onClick={() =>
          void save(({ id }) => get().backend.exportSession(id), `${fileName(session.name)}.emilie`)
        }
      >
        <FileStack size="1rem" strokeWidth={1.75} aria-hidden /> {t.saveSession}
      </button>
      <p className="muted">{t.wholeTree}</p>
      <hr />
      <div className="row">
        <button
          type="button"
          className="button"
          disabled={busy || steps.length < 2}
          onClick={() =>
            void save((s) => animate(s, (p) => encodeGif(p, SECONDS)), `${fileName(session.name)}.gif`)
          }
        >
          <Film size="1rem" strokeWidth={1.75} aria-hidden /> GIF
        </button>
        <button
          type="button"
          className="button"
          disabled={busy || steps.length < 2}
          onClick={() =>
            void save(
              (s) => animate(s, (p) => encodeAnimatedWebp(p, SECONDS, quality)),
              `${fileName(session.name)}.webp`,
            )
          }
        >
          <Film size="1rem" strokeWidth={1.75} aria-hidden /> WebP
        </button>
      </div>
      <p className="muted">{steps.length < 2 ? t.animationNeeds : t.animationOf(steps.length)}</p>
    </>
  );
}

function pathOf(session: SessionView): string[] {
  const byId = new Map(session.nodes.map((node) => [node.id, node]));
  const path: string[] = [];
  for (let at = byId.get(session.head); at; at = byId.get(at.parent ?? "")) path.unshift(at.id);
  return path;
}

function fileName(text: string): string {
  return (
    text
      .normalize("NFKD")
      .replace(/[^\w -]/g, "")
      .trim()
      .replace(/\s+/g, "-")
      .slice(0, 80) || "picture"
  );
}
