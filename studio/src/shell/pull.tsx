/** Fetching a model: a button, then how far it is, or what went wrong; and a field for models that are not in the list. */
import { useState } from "react";
import type { ModelInfo, ModelPull } from "../backend/backend.ts";
import { pull, removeModel, stopPull } from "../state/pull.ts";
import { describe, report, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

export const size = (bytes: number): string => t.format.bytes(bytes);

function far({ bytes, totalBytes, secondsLeft }: ModelPull): string {
  if (totalBytes === null) return t.askingHub;
  const left = secondsLeft === null ? "" : ` · ${t.left(time(secondsLeft))}`;
  return `${t.of(size(bytes), size(totalBytes))}${left}`;
}

const time = (seconds: number) =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

export function FetchModel({ model: { id, title, pull: state } }: { model: ModelInfo }) {
  const begin = () => void pull(id).catch(report);
  if (!state) {
    return (
      <div className="pull">
        <button type="button" className="button" aria-label={t.fetchModel(title)} onClick={begin}>
          {t.fetch}
        </button>
      </div>
    );
  }
  if (state.error !== null) {
    return (
      <div className="pull">
        <p role="alert">{state.error}</p>
        <button type="button" className="button" onClick={begin}>
          {t.tryAgain}
        </button>
        <button type="button" className="text-button" onClick={() => void stopPull(id)}>
          {t.dismiss}
        </button>
      </div>
    );
  }
  return (
    <div className="pull">
      <progress
        aria-label={t.fetching(title)}
        value={state.totalBytes ? state.bytes / state.totalBytes : undefined}
      />
      <span className="muted number">{far(state)}</span>
      <button
        type="button"
        className="button"
        aria-label={t.stopFetching(title)}
        title={t.keptSoFar}
        onClick={() => void stopPull(id)}
      >
        {t.stop}
      </button>
    </div>
  );
}

/** What was fetched takes gigabytes of the browser's storage. */
export function RemoveModel({ model: { id, title } }: { model: ModelInfo }) {
  return (
    <div className="pull">
      <button
        type="button"
        className="text-button"
        aria-label={t.removeModel(title)}
        onClick={() => void removeModel(id)}
      >
        {t.remove}
      </button>
    </div>
  );
}

export function FetchAnother() {
  const inPage = useStudio((s) => s.backend.kind === "page");
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async () => {
    setProblem(null);
    try {
      await pull(name);
      setName("");
    } catch (error) {
      setProblem(describe(error));
    }
  };
  return (
    <form
      className="model-card"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label htmlFor="pull-name">{inPage ? t.anotherPageModel : t.anotherModel}</label>
      <div className="pull">
        <input
          id="pull-name"
          className="text-input"
          value={name}
          placeholder="timbrooks/instruct-pix2pix"
          autoComplete="off"
          spellCheck={false}
          aria-describedby={problem ? "pull-problem" : undefined}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button" disabled={name.trim() === ""}>
          {inPage ? t.lookUp : t.fetch}
        </button>
      </div>
      {problem && (
        <p id="pull-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
