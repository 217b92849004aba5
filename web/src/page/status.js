/** The line under the stage and the bar at its lower edge: what is in progress. */

const progress = document.getElementById("progress");
const info = document.getElementById("info");

export class Status {
  #model = "";
  #share; // of the model that has arrived; null while it is prepared, undefined when there is nothing to do
  #count = 0; // photos in progress

  /** A model is being downloaded. */
  downloading({ received, total }) {
    this.#model = `Loading the model: ${megabytes(received)} of ${megabytes(total)} MB`;
    this.#progress(received < total ? received / total : null);
  }

  preparing() {
    this.#model = "Getting ready…";
    this.#progress(null);
  }

  ready({ accelerator }) {
    this.#model = `Ready: ${accelerator}`;
    this.#progress(undefined);
  }

  failed() {
    this.#model = "";
    this.#progress(undefined);
  }

  /** @param {number} count Photos in progress. */
  working(count) {
    this.#count = count;
    this.#progress(this.#share);
  }

  /**
   * @param {{name: string, width: number, height: number} | null} photo On the stage.
   * @param {{seconds: number, accelerator: string}} [result] How it was colorized.
   */
  show(photo, result) {
    const parts = result ? [`Colorized in ${result.seconds.toFixed(2)} s`, result.accelerator] : [this.#model];
    if (photo) parts.push(`${photo.width} × ${photo.height}`, photo.name);
    info.textContent = parts.filter(Boolean).join(" · ");
  }

  #progress(share) {
    this.#share = share;
    const isIdle = share === undefined && this.#count === 0;
    progress.classList.toggle("shown", !isIdle);
    if (share || isIdle) progress.value = share ?? 0;
    else progress.removeAttribute("value"); // unknown duration
  }
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
