/** The worker as functions that return promises. */

export class Engine {
  #worker;
  #pending = new Map();
  #lastId = 0;

  /** @param {string} script Address of the worker's script. */
  constructor(script) {
    this.#worker = new Worker(script);
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#pending.values()) reject(new Error(event.message || "The worker does not start."));
      this.#pending.clear();
    };
  }

  /**
   * @param {string} task A method of `Workshop`.
   * @param {object} request Its argument.
   * @param {(progress: object) => void} [onProgress]
   * @returns {Promise<any>}
   */
  ask(task, request, onProgress = () => undefined) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, task, ...request });
    });
  }

  #receive({ id, progress, result, error }) {
    const { resolve, reject, onProgress } = this.#pending.get(id);
    if (progress) {
      onProgress(progress);
      return;
    }
    this.#pending.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }
}
