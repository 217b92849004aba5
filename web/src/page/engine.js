/** The worker as functions that return promises. */

export class Engine {
  #worker;
  #pending = new Map();
  #lastId = 0;
  #isAlive = false;
  #failure = null; // set if the worker did not start and will never answer

  /** @param {string} script Address of the worker's script. */
  constructor(script) {
    this.#worker = new Worker(script);
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const failure = new Error(event.message || "The worker did not start.");
      if (!this.#isAlive) this.#failure = failure;
      for (const { reject } of this.#pending.values()) reject(failure);
      this.#pending.clear();
    };
  }

  /**
   * @param {string} task A method of `Workshop`.
   * @param {Record<string, any>} request Its argument.
   * @param {(progress: object) => void} [onProgress]
   * @returns {Promise<any>}
   */
  ask(task, request, onProgress = () => undefined) {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, task, ...request });
    });
  }

  #receive({ id, progress, result, error }) {
    this.#isAlive = true;
    const request = this.#pending.get(id);
    if (!request) return; // abandoned when something else failed
    const { resolve, reject, onProgress } = request;
    if (progress) {
      onProgress(progress);
      return;
    }
    this.#pending.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }
}
