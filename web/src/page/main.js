/** The page: brings files, models, the stage and the shelf together. */

import { MOST } from "../photo/hints.js";
import * as looks from "../photo/look.js";
import { withDot } from "../photo/variants.js";
import { Adjusting } from "./adjusting.js";
import { Borrowing } from "./borrowing.js";
import { Choosing } from "./choosing.js";
import { Darkroom } from "./darkroom.js";
import { Delivery } from "./delivery.js";
import { Engine } from "./engine.js";
import { Hinting } from "./hinting.js";
import { HintsIntake } from "./hints_intake.js";
import { install, update } from "./install.js";
import * as intake from "./intake.js";
import { Keeping } from "./keeping.js";
import * as leaving from "./leaving.js";
import { complain, speak } from "./notices.js";
import * as shippedModels from "./shipped.js";
import { Shelf, listenToSamples, thumbnailOf } from "./shelf.js";
import { GRAY, Sides } from "./sides.js";
import { Status } from "./status.js";
import { Undoing } from "./undoing.js";
import { Viewer } from "./viewer.js";

const element = (id) => document.getElementById(id);
const engine = new Engine("worker.js");
const darkroom = new Darkroom(engine);
const status = new Status();
const sides = new Sides();
const shelf = new Shelf();
const keeping = new Keeping();
const adjusting = new Adjusting();
const viewer = new Viewer((request) => engine.ask("draw", request));
const ask = (task, request) => engine.ask(task, request);
const hinting = new Hinting(ask, viewer);
const choosing = new Choosing(ask);
const undoing = new Undoing();
const borrowing = new Borrowing(ask, shelf, { photos: opened, color: (photo, model) => darkroom.color(photo, model) });
const hintsIntake = new HintsIntake(ask);
let current = null; // the photo on the stage
let showsNext = false; // the first of the latest photos goes on the stage
let lastOnStage; // key of the photo that was there when the page was closed
let hasWorked = false; // the user has added or changed something since the page was loaded

/** Updates everything visible to the current state. */
function refresh() {
  shelf.mark(current);
  status.show(current, current?.results.get(sides.model));
  element("download-all").classList.toggle("unused", opened().length < 2);
  element("invite").hidden = Boolean(current);
  element("controls").inert = !current?.results.has(sides.model);
  if (!current) {
    for (const part of [hinting, choosing, undoing, borrowing]) part.show(null);
    adjusting.show(looks.PLAIN);
    viewer.hide();
    return;
  }
  refreshStage();
  for (const { model } of [sides.left, sides.right]) {
    if (model && !current.results.has(model)) darkroom.color(current, model);
  }
}

function refreshStage() {
  const [takesHints, takesColors] = [darkroom.takesHints(sides.model), darkroom.takesColors(sides.model)];
  sides.offer({ original: Boolean(current.hasColor), dots: takesHints && current.hints.list.length > 0 });
  const [left, right] = [sides.left, sides.right].map((view) => available(view, current));
  element("viewer").classList.toggle("pending", right === GRAY);
  viewer.show(current, { left, right });
  hinting.show(current, { ...right, takesHints });
  const finished = right === GRAY ? null : current;
  choosing.show(finished, sides.model, takesColors);
  undoing.show(finished);
  borrowing.show(current, { model: sides.model, takesHints, takesColors });
  adjusting.show(current.look);
  for (const name of ["save-hints", "open-hints"]) element(name).classList.toggle("unused", !takesHints);
}

/** Shows gray until the colors are ready. */
function available(view, photo) {
  if (view.kind !== "color") return view;
  return photo.results.has(view.model) ? { ...view, hints: view.isAutomatic ? [] : photo.hints.list } : GRAY;
}

function select(photo) {
  current = photo;
  if (hasWorked) keeping.remember(photo);
  refresh();
}

function receive(files) {
  hasWorked = true;
  const kindOf = ({ name }) => (/\.(tflite|json)$/i.exec(name)?.[1] ?? "photo").toLowerCase();
  const { tflite = [], json = [], photo = [] } = Object.fromEntries(
    ["tflite", "json", "photo"].map((kind) => [kind, files.filter((file) => kindOf(file) === kind)]),
  );
  for (const file of tflite) openModel(file);
  const entries = photo.map((file) => ({ file, name: file.name || "pasted.png" })); // pasted pictures may have no name
  const added = darkroom.add(entries, () => sides.model);
  showsNext ||= added.length > 0;
  for (const file of json) hintsIntake.receive(file, darkroom.photos, current);
}

/** Photos that are pictures. */
function opened() {
  return darkroom.photos.filter(({ width }) => width);
}

function remove(photo) {
  const photos = opened();
  const next = photos[photos.indexOf(photo) + 1] ?? photos[photos.indexOf(photo) - 1] ?? null;
  darkroom.remove(photo);
  shelf.remove(photo);
  select(photo === current ? next : current);
  return next;
}

function removeAll() {
  for (const photo of [...darkroom.photos]) {
    darkroom.remove(photo);
    shelf.remove(photo);
    keeping.drop(photo);
  }
  select(null);
}

async function drawThumbnail(photo) {
  const view = available(sides.right, photo);
  const request = { photo: photo.id, ...thumbnailOf(photo), views: [view], look: photo.look };
  const bitmaps = await ask("draw", request).catch(() => []); // for a photo that was removed meanwhile
  if (bitmaps.length) shelf.picture(photo, bitmaps[0]);
}

function listenToDarkroom() {
  darkroom.addEventListener("model", ({ detail }) => {
    status[detail.state](detail);
    if (detail.state === "failed") complain(detail.name, detail.error.message);
    if (detail.state === "ready") {
      speak(`Ready, on ${detail.accelerator}`);
      install(detail.runtime);
    }
    status.show(current, current?.results.get(sides.model));
  });
  darkroom.addEventListener("opened", ({ detail: { photo } }) => {
    shelf.add(photo, { isBusy: Boolean(sides.model) });
    keeping.keep(photo);
    drawThumbnail(photo);
    hintsIntake.photoIsOpen(photo);
    if (!showsNext) return refresh();
    showsNext = false;
    const hadFocus = element("invite").contains(document.activeElement);
    select(photo);
    if (hadFocus) viewer.focus();
  });
  darkroom.addEventListener("colored", ({ detail: { photo, model } }) => {
    if (model === sides.model) {
      shelf.setBusy(photo, false);
      drawThumbnail(photo);
    }
    if (photo !== current) return;
    speak(`${photo.name} is colorized`);
    refresh();
    if (photo.results.size === 1) viewer.reveal();
  });
  darkroom.addEventListener("failed", ({ detail: { photo, error, isUnusable } }) => {
    complain(photo.name, error.message);
    if (isUnusable) darkroom.remove(photo);
    else shelf.setBusy(photo, false);
  });
  darkroom.addEventListener("work", ({ detail }) => status.working(detail.count));
}

async function loadShippedModels() {
  const shipped = await shippedModels.list();
  for (const { name, file, version, bytes } of shipped) {
    darkroom.addModel({ name, url: new URL(`models/${file}`, location.href).href, version, bytes });
    sides.add(name);
  }
  if (sides.model && (await darkroom.loadModel(sides.model))) shippedModels.keep(shipped);
  if (!sides.model) complain("", "No model comes with this page. Drop a .tflite file here to begin.");
  if (sides.model) colorAll(); // photos that were added before the model
}

function colorAll() {
  for (const photo of opened().filter(({ results }) => !results.has(sides.model))) {
    shelf.setBusy(photo, true);
    darkroom.color(photo, sides.model);
  }
}

async function openModel(file) {
  let name = file.name.replace(/\.tflite$/i, "");
  for (let count = 2; darkroom.hasModel(name); count++) name = `${name.replace(/ \d+$/, "")} ${count}`;
  darkroom.addModel({ name, file });
  if (!(await darkroom.loadModel(name))) return;
  sides.add(name, { chosen: true });
  colorAll();
  refresh();
}

/** Restores photos of earlier visits. */
async function restore() {
  lastOnStage = keeping.remembered();
  const kept = await keeping.restored();
  const entries = kept.map(({ hints, ...entry }) => ({ ...entry, dots: hints }));
  const added = darkroom.add(/** @type {any[]} */ (entries), () => sides.model, ({ key }) => key === lastOnStage);
  for (const photo of added) keeping.keep(photo); // from now on, changes of other windows arrive
  showsNext ||= added.length > 0;
}

/** Applies changes of another window to the photos that both show. */
function listenToKeeping() {
  keeping.addEventListener("edited", ({ detail: { photo } }) => {
    if (!photo.width) return; // it is not open yet
    if (photo === current) {
      const isGone = hinting.selected !== undefined && !photo.hints.get(hinting.selected);
      if (isGone) complain(photo.name, "The dot that was open here has been removed in another window.");
      refresh();
    }
    drawThumbnail(photo);
  });
  keeping.addEventListener("removed", ({ detail: { photo } }) => {
    keeping.drop(photo);
    remove(photo);
  });
  keeping.addEventListener("cleared", removeAll);
  keeping.addEventListener("forget", () => {
    removeAll();
    document.querySelector("#invite [data-choose]").focus();
  });
}

/** After a change of a photo by the user. */
function changed(photo, isFinal) {
  hasWorked = true;
  if (photo === current) refreshStage();
  settle(photo, isFinal);
}

function settle(photo, isFinal) {
  if (!isFinal) return keeping.updateSoon(photo);
  drawThumbnail(photo);
  keeping.update(photo);
}

function listenToControls() {
  adjusting.addEventListener("change", ({ detail: { look, isFinal } }) => {
    if (!current) return;
    current.hints.adjust(look, { isFinal });
    changed(current, isFinal);
  });
  hinting.addEventListener("change", ({ detail: { photo, isFinal } }) => changed(photo, isFinal));
  for (const part of [undoing, hintsIntake, borrowing]) {
    part.addEventListener("change", ({ detail: { photo } }) => changed(photo, true));
  }
  choosing.addEventListener("choose", ({ detail: { photo, look, dot } }) => {
    if (dot && withDot(photo.hints.list, dot).length > MOST) return complain(photo.name, `A photo can have ${MOST} dots.`);
    photo.hints.choose(look, dot);
    changed(photo, true);
  });
  shelf.addEventListener("select", ({ detail }) => {
    hasWorked = true;
    select(detail);
  });
  shelf.addEventListener("remove", ({ detail: photo }) => {
    keeping.forget(photo);
    const next = remove(photo);
    if (next) shelf.focus(next); // the button that had the focus is gone
    else document.querySelector("#invite [data-choose]").focus();
  });
}

function listenToStage() {
  for (const part of [viewer, choosing]) {
    part.addEventListener("failure", ({ detail: { photo, error } }) => {
      if (darkroom.photos.includes(photo)) complain(photo.name, error.message);
    });
  }
}

listenToDarkroom();
listenToControls();
listenToKeeping();
listenToStage();
leaving.listen(keeping, darkroom);
sides.addEventListener("change", refresh);
sides.addEventListener("open", ({ detail }) => openModel(detail));
intake.listen(receive, (files) => borrowing.receive(files));
listenToSamples((file) => receive([file]));
new Delivery({
  photo: () => current,
  photos: opened,
  model: () => sides.model,
  color: (photo) => darkroom.color(photo, sides.model),
  save: (request) => engine.ask("save", request),
});
refresh();
update(() => !hasWorked);
restore();
loadShippedModels().catch((error) => complain("", error.message));
