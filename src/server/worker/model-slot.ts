/** The one model in memory. Users of the same model share it; who wants another waits until nobody uses this one. */

import type { EditModel } from "../../method/edit-model.ts";
import { type LoadOptions, type LoadProgress, loadModel } from "../../models/load.node.ts";
import { Turns } from "../../util/turns.ts";

export class ModelSlot {
  #name: string | null = null;
  #model: EditModel | null = null;
  #users = 0;
  /** Takes of the slot, one after the other. */
  readonly #turns = new Turns();
  #left: (() => void) | null = null;
  readonly #how: Pick<LoadOptions, "device" | "previewVae">;
  readonly #onChange: () => void;
  readonly #onLoading: (model: string, progress: LoadProgress | null) => void;

  /**
   * `onChange` is called before a model is replaced, when nobody uses it; `onLoading` with what is made of a model before it can be used,
   * and with null when that is over.
   */
  constructor(
    how: Pick<LoadOptions, "device" | "previewVae">,
    onChange: () => void,
    onLoading: (model: string, progress: LoadProgress | null) => void,
  ) {
    this.#how = how;
    this.#onChange = onChange;
    this.#onLoading = onLoading;
  }

  /** `signal` stops the making of weights, where this use is what they are made for. */
  async use<T>(name: string, action: (model: EditModel) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const model = await this.#turns.take("enter", () => this.#enter(name, signal));
    try {
      return await action(model);
    } finally {
      if (--this.#users === 0) this.#left?.();
    }
  }

  async #enter(name: string, signal?: AbortSignal): Promise<EditModel> {
    if (this.#model && this.#name !== name) {
      if (this.#users > 0) await new Promise<void>((resolve) => (this.#left = resolve));
      this.#left = null;
      this.#onChange();
      const old = this.#model;
      this.#model = null;
      await old.dispose();
    }
    this.#model ??= await this.#load(name, signal);
    this.#name = name;
    this.#users++;
    return this.#model;
  }

  async #load(name: string, signal?: AbortSignal): Promise<EditModel> {
    let making = false;
    const onProgress = (progress: LoadProgress) => {
      making = true;
      this.#onLoading(name, progress);
    };
    try {
      return await loadModel(name, { ...this.#how, onProgress, signal });
    } finally {
      if (making) this.#onLoading(name, null);
    }
  }
}
