/** The one model in memory. Users of the same model share it; who wants another waits until nobody uses this one. */
import { loadModel, type NodeDevice } from "../../models/load.node.ts";
import type { EditModel } from "../../models/model.ts";

export class ModelSlot {
  #name: string | null = null;
  #model: EditModel | null = null;
  #users = 0;
  /** Takes of the slot, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #left: (() => void) | null = null;
  readonly #device: NodeDevice | undefined;
  readonly #onChange: () => void;

  /** `onChange` is called before a model is replaced, when nobody uses it. */
  constructor(device: NodeDevice | undefined, onChange: () => void) {
    this.#device = device;
    this.#onChange = onChange;
  }

  async use<T>(name: string, action: (model: EditModel) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#enter(name));
    this.#turn = turn.catch(() => {});
    const model = await turn;
    try {
      return await action(model);
    } finally {
      if (--this.#users === 0) this.#left?.();
    }
  }

  async #enter(name: string): Promise<EditModel> {
    if (this.#model && this.#name !== name) {
      if (this.#users > 0) await new Promise<void>((resolve) => (this.#left = resolve));
      this.#left = null;
      this.#onChange();
      const old = this.#model;
      this.#model = null;
      await old.dispose();
    }
    this.#model ??= await loadModel(name, { device: this.#device });
    this.#name = name;
    this.#users++;
    return this.#model;
  }
}
