/** The buttons for saving colorized photos: download one or all, share, save the hints. */

import * as hintsFile from "../photo/hints_file.js";
import { complain } from "./notices.js";
import * as saving from "./saving.js";

const element = (id) => document.getElementById(id);

export class Delivery {
  #page;
  #ready = null; // a file that needs another click to be shared: `{key, file}`

  /**
   * @param {{photo: () => any, photos: () => any[], model: () => string, color: (photo: any) => Promise<boolean>,
   *   save: (request: object) => Promise<Blob>}} page The photo on the stage, all photos, the model, and functions of the worker.
   */
  constructor(page) {
    this.#page = page;
    element("controls").addEventListener("submit", (event) => {
      event.preventDefault();
      whileBusy(element("download"), () => this.#download());
    });
    element("share").hidden = !saving.canShare();
    element("share").addEventListener("click", () => whileBusy(element("share"), () => this.#share()));
    element("save-hints").addEventListener("click", () => saving.download(hintsFile.write(page.photo())));
    element("save-look").addEventListener("click", () => saving.download(hintsFile.writeLook(page.photo())));
    element("download-all").addEventListener("click", () => whileBusy(element("download-all"), (tell) => this.#downloadAll(tell)));
  }

  /** Returns the file of a colorized photo, or null, with a message, if there is none. */
  async #saved(photo) {
    if (!(await this.#page.color(photo))) return null;
    try {
      return await saving.resultFile(this.#page.save, photo, { model: this.#page.model(), choice: element("format").value });
    } catch (error) {
      complain(photo.name, error.message);
      return null;
    }
  }

  async #download() {
    const file = await this.#saved(this.#page.photo());
    if (file) saving.download(file);
  }

  /** Browsers allow sharing only shortly after a click; if a large photo takes longer, the next click shares it. */
  async #share() {
    const photo = this.#page.photo();
    const key = JSON.stringify([photo.id, photo.hints.list, photo.look, this.#page.model(), element("format").value]);
    const file = this.#ready?.key === key ? this.#ready.file : await this.#saved(photo);
    if (!file) return;
    this.#ready = (await saving.share(file)) ? null : { key, file };
    if (this.#ready) complain(photo.name, "The photo is ready. Choose Share again.");
  }

  async #downloadAll(tell) {
    const photos = this.#page.photos();
    const saved = [];
    for (const [index, photo] of photos.entries()) {
      tell(`Saving ${index + 1} of ${photos.length}`);
      const result = await this.#saved(photo);
      if (result) saved.push({ photo, result });
    }
    if (saved.length > 0) saving.download({ name: "photos.color.zip", blob: await saving.archive(saved) });
  }
}

async function whileBusy(button, work) {
  const label = button.textContent;
  const tell = (text) => (button.textContent = text);
  button.disabled = true;
  tell("Saving…");
  try {
    await work(tell);
  } catch (error) {
    complain("", error.message);
  } finally {
    button.disabled = false;
    tell(label);
  }
}
