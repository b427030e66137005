/** While something is opened: what for, how far, and a way out. */
import { cancelAndReturn } from "../state/session.ts";
import { useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

export function Opening() {
  const phase = useStudio((s) => s.phase);
  if (phase.kind !== "opening") return null;
  const known = phase.fraction !== undefined && phase.fraction < 1;
  return (
    <main className="opening" aria-busy>
      {phase.picture && <img className="opening-picture" src={phase.picture} alt="" />}
      <p className="opening-name">{phase.name}</p>
      <div
        className="bar"
        role="progressbar"
        aria-label={phase.what}
        aria-valuenow={known ? Math.round(100 * phase.fraction!) : undefined}
      >
        <span
          data-unknown={!known || undefined}
          style={known ? { transform: `scaleX(${phase.fraction})` } : undefined}
        />
      </div>
      <p className="muted number" role="status">
        {phase.what}
        {known && ` · ${Math.round(100 * phase.fraction!)} %`}
      </p>
      <button type="button" className="button" onClick={() => void cancelAndReturn()}>
        {t.cancel}
      </button>
    </main>
  );
}

/** Above a picture that can be painted on already: what is still waited for. */
export function StillLoading() {
  const loading = useStudio((s) => (s.phase.kind === "editing" ? s.phase.loading : undefined));
  if (!loading) return null;
  const known = loading.fraction !== undefined && loading.fraction < 1;
  return (
    <div className="still-loading" role="status">
      <progress aria-label={loading.what} value={known ? loading.fraction : undefined} />
      <span className="muted number">{loading.what}</span>
    </div>
  );
}

export function Broken({ message }: { message: string }) {
  return (
    <main className="opening">
      <p className="opening-name">{t.cannotStart}</p>
      <p className="muted broken">{message}</p>
      <button type="button" className="button primary" onClick={() => location.reload()}>
        {t.tryAgain}
      </button>
    </main>
  );
}
