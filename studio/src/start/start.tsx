/** The first screen: what this is, something to try, and what one was working on. */
import { FolderOpen, ShieldCheck, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import type { SessionSummary } from "../backend/backend.ts";
import { changeRegion } from "../state/mask.ts";
import { forgetSession, openFile, resume } from "../state/session.ts";
import { get, notify, report, useStudio } from "../state/store.ts";
import { IconButton } from "../ui/controls.tsx";
import { pickFile } from "./pick-file.ts";

const EXAMPLES = [
  { name: "cottage", words: "paint the roof blue" },
  { name: "lake", words: "make it winter" },
  { name: "meadow", words: "make it sunset" },
  { name: "road", words: "make it night" },
];

async function openExample(name: string, words: string): Promise<void> {
  try {
    const response = await fetch(`./examples/${name}.png`);
    if (!response.ok) throw new Error(`The example could not be fetched (status ${response.status}).`);
    await openFile(await response.blob(), `${name}.png`);
    // One press of Enter away from a first edit.
    if (get().session?.name === name) changeRegion(get().region, { instruction: words });
  } catch (error) {
    report(error);
  }
}

export function Start() {
  const recent = useStudio((s) => s.recent);
  const privacy = useStudio((s) => s.backend.privacy);
  return (
    <main className="start">
      <div className="start-inner">
        <h1>Say what should change.</h1>
        <p className="lead">
          Open a picture, write what should be different, brush where if you care, look, and go on. What you
          do not touch stays as it is, pixel for pixel.
        </p>
        <button type="button" className="open-area" onClick={() => void pickFile()}>
          <FolderOpen size={20} strokeWidth={1.5} aria-hidden />
          <span>
            <strong>Open a picture</strong>
            <span className="muted">or drop one anywhere, or paste it</span>
          </span>
        </button>
        {recent.length > 0 && (
          <section>
            <h2>Go on</h2>
            <ul className="recent">
              {recent.slice(0, 6).map((session) => (
                <Recent key={session.id} session={session} />
              ))}
            </ul>
          </section>
        )}
        <section>
          <h2>Try one of these</h2>
          <ul className="examples">
            {EXAMPLES.map(({ name, words }) => (
              <li key={name}>
                <button type="button" onClick={() => void openExample(name, words)}>
                  <img src={`./examples/${name}.png`} alt="" width={128} height={128} />
                  <span className="example-words">
                    <strong>{name}</strong>
                    <span className="muted">“{words}”</span>
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
        <p className="muted privacy">
          <ShieldCheck size={16} strokeWidth={1.75} aria-hidden /> {privacy}
        </p>
      </div>
    </main>
  );
}

function Recent({ session }: { session: SessionSummary }) {
  const [url, setUrl] = useState<string>();
  const { thumbnail } = session;
  useEffect(() => {
    if (!(thumbnail instanceof Blob)) {
      setUrl(thumbnail);
      return;
    }
    const made = URL.createObjectURL(thumbnail);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [thumbnail]);
  const edits = session.edits === 1 ? "1 edit" : `${session.edits} edits`;
  return (
    <li>
      <button type="button" onClick={() => void resume(session.id)}>
        {url ? <img src={url} alt="" /> : <span className="pending" />}
        <span className="example-words">
          <strong>{session.name}</strong>
          <span className="muted">
            {edits}, {ago(session.updated)}
          </span>
        </span>
      </button>
      <IconButton label={`Delete ${session.name}`} icon={Trash2} onClick={() => askToForget(session)} />
    </li>
  );
}

/** What would be gone is said first; it cannot be brought back. */
function askToForget({ id, name, edits }: SessionSummary): void {
  if (edits === 0) void forgetSession(id);
  else
    notify("info", `“${name}” and its ${edits === 1 ? "edit" : `${edits} edits`} would be gone for good.`, {
      label: "Delete",
      run: () => void forgetSession(id),
    });
}

function ago(time: number): string {
  const minutes = Math.round((time - Date.now()) / 60_000);
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes > -1) return "just now";
  if (minutes > -60) return words.format(minutes, "minute");
  if (minutes > -60 * 24) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 60 / 24), "day");
}
