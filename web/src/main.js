/** The page: brings files, models, the stage and the shelf together. */

import { Darkroom } from "./darkroom.js";
import { Engine } from "./engine.js";
import { Hinting } from "./hinting.js";
import * as hintsFile from "./hints_file.js";
import { install, update } from "./install.js";
import * as intake from "./intake.js";
import { GRAY, Looks } from "./looks.js";
import { complain, speak } from "./notices.js";
import * as saving from "./saving.js";
import * as shippedModels from "./shipped.js";
import { Shelf, listenToSamples, thumbnailOf } from "./shelf.js";
import { Status } from "./status.js";
import { Viewer } from "./viewer.js";

const element = (id) => document.getElementById(id);
const engine = new Engine("worker.js");
const darkroom = new Darkroom(engine);
const status = new Status();
const looks = new Looks();
const shelf = new Shelf();
const viewer = new Viewer((request) => engine.ask("draw", request));
const hinting = new Hinting((task, request) => engine.ask(task, request), viewer);
let current = null; // the photo on the stage
const waitingHints = new Map(); // files of hints for photos that are not open yet
let showsNext = false; // the first of the latest photos goes on the stage

/** Updates everything visible to the current state. */
function refresh() {
  shelf.mark(current);
  status.show(current, current?.results.get(looks.model));
  element("add").hidden = opened().length === 0;
  element("download-all").classList.toggle("unused", opened().length < 2);
  element("invite").hidden = Boolean(current);
  element("controls").inert = !current?.results.has(looks.model);
  if (!current) {
    hinting.show(null);
    viewer.hide();
    return;
  }
  refreshStage();
  for (const { model } of [looks.left, looks.right]) {
    if (model && !current.results.has(model)) darkroom.color(current, model);
  }
}

function refreshStage() {
  const takesHints = darkroom.takesHints(looks.model);
  looks.offer({ original: Boolean(current.hasColor), dots: takesHints && current.hints.list.length > 0 });
  const [left, right] = [looks.left, looks.right].map((look) => available(look, current));
  element("viewer").classList.toggle("pending", right === GRAY);
  viewer.show(current, { left, right });
  hinting.show(current, { ...right, vividness: vividness(), takesHints });
  element("hints-files").hidden = !takesHints;
}

/** Gray stands in for colors that are not there yet. */
function available(look, photo) {
  if (look.kind !== "color") return look;
  return photo.results.has(look.model) ? { ...look, hints: look.isAutomatic ? [] : photo.hints.list } : GRAY;
}

function select(photo) {
  current = photo;
  refresh();
}

function receive(files) {
  const kindOf = ({ name }) => (/\.(tflite|json)$/i.exec(name)?.[1] ?? "photo").toLowerCase();
  const { tflite = [], json = [], photo = [] } = Object.fromEntries(
    ["tflite", "json", "photo"].map((kind) => [kind, files.filter((file) => kindOf(file) === kind)]),
  );
  for (const file of tflite) openModel(file);
  const added = darkroom.add(photo, () => looks.model);
  showsNext ||= added.length > 0;
  for (const file of json) receiveHints(file);
}

/** A hints file belongs to the photo of the same name, otherwise to the one on the stage. */
function receiveHints(file) {
  const stem = hintsFile.stemOf(file.name);
  const photo = darkroom.photos.findLast(({ name }) => hintsFile.stemOf(name) === stem) ?? current;
  if (!photo) complain(file.name, "Open its photo first.");
  else if (photo.width) openHints(file, photo);
  else waitingHints.set(photo, file);
}

async function openHints(file, photo) {
  try {
    hinting.replace(photo, hintsFile.read(await file.text(), photo));
  } catch (error) {
    complain(file.name, error.message);
  }
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
  if (next) shelf.focus(next); // the button that had the focus is gone
  else document.querySelector("#invite [data-choose]").focus();
}

async function drawThumbnail(photo) {
  const look = available(looks.right, photo);
  const request = { photo: photo.id, ...thumbnailOf(photo), looks: [look], vividness: 1 };
  const bitmaps = await engine.ask("draw", request).catch(() => []); // for a photo that was removed meanwhile
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
    status.show(current, current?.results.get(looks.model));
  });
  darkroom.addEventListener("opened", ({ detail: { photo } }) => {
    shelf.add(photo, { isBusy: Boolean(looks.model) });
    drawThumbnail(photo);
    if (waitingHints.has(photo)) openHints(waitingHints.get(photo), photo);
    waitingHints.delete(photo);
    if (!showsNext) return refresh();
    showsNext = false;
    const hadFocus = element("invite").contains(document.activeElement);
    select(photo);
    if (hadFocus) viewer.focus();
  });
  darkroom.addEventListener("colored", ({ detail: { photo, model } }) => {
    if (model === looks.model) {
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
    looks.add(name);
  }
  if (looks.model && (await darkroom.loadModel(looks.model))) shippedModels.keep(shipped);
  if (!looks.model) complain("", "No model comes with this page. Drop a .tflite file here to begin.");
  if (looks.model) colorAll(); // photos that were added before the model
}

function colorAll() {
  for (const photo of opened().filter(({ results }) => !results.has(looks.model))) {
    shelf.setBusy(photo, true);
    darkroom.color(photo, looks.model);
  }
}

async function openModel(file) {
  let name = file.name.replace(/\.tflite$/i, "");
  for (let count = 2; darkroom.hasModel(name); count++) name = `${name.replace(/ \d+$/, "")} ${count}`;
  darkroom.addModel({ name, file });
  if (!(await darkroom.loadModel(name))) return;
  looks.add(name, { chosen: true });
  colorAll();
  refresh();
}

/** Returns the file of a photo in color, or null, with a message, if there is none. */
async function saved(photo) {
  if (!(await darkroom.color(photo, looks.model))) return null;
  const hints = photo.hints.list;
  const settings = { model: looks.model, hints, vividness: vividness(), choice: element("format").value };
  try {
    return await saving.resultFile((request) => engine.ask("save", request), photo, settings);
  } catch (error) {
    complain(photo.name, error.message);
    return null;
  }
}

async function saveOne() {
  const file = await saved(current);
  if (file) saving.download(file);
}

async function saveAll(tell) {
  const photos = opened();
  const files = [];
  for (const [index, photo] of photos.entries()) {
    tell(`Saving ${index + 1} of ${photos.length}`);
    files.push(await saved(photo));
    if (photo.hints.list.length > 0) files.push(hintsFile.write(photo));
  }
  const blob = await saving.archive(files.filter(Boolean));
  saving.download({ name: "photos.color.zip", blob });
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

function listenToControls() {
  element("vividness").addEventListener("input", () => {
    element("vividness-value").textContent = `${Math.round(vividness() * 100)}%`;
    viewer.setVividness(vividness());
    if (current) refreshStage();
  });
  element("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(element("download"), saveOne);
  });
  element("save-hints").addEventListener("click", () => saving.download(hintsFile.write(current)));
  element("download-all").addEventListener("click", () => whileBusy(element("download-all"), saveAll));
}

function vividness() {
  return element("vividness").value / 100;
}

function listenToStage() {
  const zooms = { "zoom-in": () => viewer.zoomBy(1.5), "zoom-out": () => viewer.zoomBy(1 / 1.5) };
  zooms["zoom-fit"] = () => viewer.toggleZoom();
  for (const [id, zoom] of Object.entries(zooms)) element(id).addEventListener("click", zoom);
  viewer.addEventListener("layout", ({ detail: { isZoomed, percent } }) => {
    element("zoom-fit").textContent = isZoomed ? `${Math.round(percent)}%` : "Fit";
  });
  viewer.addEventListener("failure", ({ detail: { photo, error } }) => {
    if (darkroom.photos.includes(photo)) complain(photo.name, error.message);
  });
}

listenToDarkroom();
listenToControls();
listenToStage();
looks.addEventListener("change", refresh);
looks.addEventListener("open", ({ detail }) => openModel(detail));
hinting.addEventListener("change", ({ detail: { photo, isFinal } }) => {
  if (photo === current) refreshStage();
  if (isFinal) drawThumbnail(photo);
});
shelf.addEventListener("select", ({ detail }) => select(detail));
shelf.addEventListener("remove", ({ detail }) => remove(detail));
intake.listen(receive);
listenToSamples((file) => receive([file]));
refresh();
update(() => darkroom.photos.length === 0);
loadShippedModels().catch((error) => complain("", error.message));
