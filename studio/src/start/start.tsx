/** The first screen: what this is, something to try, and all of one's work. */
import { FolderOpen, ShieldCheck } from "lucide-react";
import { useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";
import { EXAMPLES } from "./example-list.ts";
import { openExample } from "./examples.ts";
import { MyWork } from "./my-work.tsx";
import { pickFile } from "./pick-file.ts";

export function Start() {
  const privacy = useStudio((s) => s.backend.privacy);
  return (
    <main className="start">
      <div className="start-inner">
        <h1>{t.headline}</h1>
        <p className="lead">{t.lead}</p>
        <button type="button" className="open-area" onClick={() => void pickFile()}>
          <FolderOpen size="1.25rem" strokeWidth={1.5} aria-hidden />
          <span>
            <strong>{t.openPicture}</strong>
            <span className="muted or-drop">{t.orDrop}</span>
          </span>
        </button>
        <MyWork />
        <section>
          <h2>{t.tryThese}</h2>
          <ul className="examples">
            {EXAMPLES.map(({ name, words }) => (
              <li key={name}>
                <button type="button" onClick={() => void openExample(name)}>
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
          <ShieldCheck size="1rem" strokeWidth={1.75} aria-hidden /> {t.privacy[privacy]}
        </p>
      </div>
    </main>
  );
}
