/** Fetching a model: a button, then how far it is, or what went wrong; and a field for models that are not in the list. */
import { useState } from "react";
import type { ModelInfo, ModelPull } from "../backend/backend.ts";
import { pull, stopPull } from "../state/pull.ts";
import { describe, report } from "../state/store.ts";

export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

function far({ bytes, totalBytes, secondsLeft }: ModelPull): string {
  if (totalBytes === null) return "Asking the hub";
  const left = secondsLeft === null ? "" : ` · ${time(secondsLeft)} left`;
  return `${size(bytes)} of ${size(totalBytes)}${left}`;
}

const time = (seconds: number) =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

export function FetchModel({ model: { id, title, pull: state } }: { model: ModelInfo }) {
  const begin = () => void pull(id).catch(report);
  if (!state) {
    return (
      <div className="pull">
        <button type="button" className="button" aria-label={`Fetch ${title}`} onClick={begin}>
          Fetch
        </button>
      </div>
    );
  }
  if (state.error !== null) {
    return (
      <div className="pull">
        <p role="alert">{state.error}</p>
        <button type="button" className="button" onClick={begin}>
          Try again
        </button>
        <button type="button" className="text-button" onClick={() => void stopPull(id)}>
          Dismiss
        </button>
      </div>
    );
  }
  return (
    <div className="pull">
      <progress
        aria-label={`Fetching ${title}`}
        value={state.totalBytes ? state.bytes / state.totalBytes : undefined}
      />
      <span className="muted number">{far(state)}</span>
      <button
        type="button"
        className="button"
        aria-label={`Stop fetching ${title}`}
        title="What has arrived is kept"
        onClick={() => void stopPull(id)}
      >
        Stop
      </button>
    </div>
  );
}

export function FetchAnother() {
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
      <label htmlFor="pull-name">Another InstructPix2Pix model, by its name on the hub</label>
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
          Fetch
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
