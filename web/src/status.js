/** The line under the stage and the bar at its lower edge: what is going on. */

const progress = document.getElementById("progress");
const what = document.getElementById("what");
const how = document.getElementById("how");

export class Status {
  #model = "";
  #accelerator = "";

  /** A model is on its way; `total` is 0 where the server does not tell. */
  downloading({ received, total }) {
    const size = total ? `${megabytes(received)} of ${megabytes(total)} MB` : `${megabytes(received)} MB`;
    this.#model = `Loading the model: ${size}`;
    bar(total && received < total ? received / total : null);
  }

  preparing() {
    this.#model = "Getting ready…";
    bar(null);
  }

  ready({ accelerator }) {
    this.#accelerator = accelerator;
    this.#model = `Ready. Runs on this device: ${accelerator}`;
    bar(undefined);
  }

  failed() {
    this.#model = "";
    bar(undefined);
  }

  /**
   * @param {{name: string, width?: number, height?: number} | null} photo On the stage.
   * @param {number} [seconds] It took to colour it.
   */
  show(photo, seconds) {
    what.textContent = photo?.width ? `${photo.name}, ${photo.width} × ${photo.height}` : "";
    how.textContent = seconds === undefined ? this.#model : `Coloured in ${seconds.toFixed(2)} s, ${this.#accelerator}`;
  }
}

/** A share from 0 to 1, null for work without a known end, undefined for none. */
function bar(share) {
  progress.classList.toggle("shown", share !== undefined);
  if (share === null) progress.removeAttribute("value");
  else progress.value = share ?? 0;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
