/**
 * The worker: everything that takes time happens here, so the page never blocks.
 *
 * A request is `{id, task, ...}`. The answer is `{id, result}` or `{id, error}`, after any number
 * of `{id, progress}`.
 */

import { PictureError } from "../codecs/inspect.js";
import { Workshop } from "./workshop.js";

const workshop = new Workshop(new URL("wasm/", self.location.href).href);
// Photos are decoded one at a time, to hold few of them in memory.
let queue = Promise.resolve();

self.onmessage = ({ data: { id, task, ...request } }) => {
  const report = (progress) => self.postMessage({ id, progress });
  const work = () => workshop[task](request, report);
  // A model that is being downloaded does not hold up the photos.
  const done = task === "loadModel" ? work() : (queue = queue.then(work, work));
  done.then(
    (result) => self.postMessage({ id, result }, transferable(result)),
    (error) => self.postMessage({ id, error: sentence(error) }),
  );
};

function transferable(result) {
  return Array.isArray(result) ? result.filter((item) => item instanceof ImageBitmap) : [];
}

function sentence(error) {
  if (error instanceof PictureError) return error.message;
  if (error instanceof RangeError) return "There is not enough memory.";
  return error.message || String(error);
}
